//! What TLS is told, and how it becomes the configuration of either side.

use super::ciphers::provider;
use super::files::{Keys, certificates, crl, roots, system_roots};
use super::verify::{AnyServer, NamedClients};
use super::{ClientTls, ServerTls};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion, version};
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Files and rules of one side's TLS, clients' or members'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificate, with those that lead to the authority behind it, in PEM.
    pub cert_file: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key_file: Option<PathBuf>,
    /// Certificate shown when calling, if not [`TlsOptions::cert_file`].
    pub client_cert_file: Option<PathBuf>,
    /// Its private key.
    pub client_key_file: Option<PathBuf>,
    /// Certificates of the authorities that the other side's must come from, in PEM. If it is named,
    /// callers must show a certificate.
    pub trusted_ca_file: Option<PathBuf>,
    /// List of revoked certificates, PEM or DER.
    pub crl_file: Option<PathBuf>,
    /// Callers must show a certificate.
    pub client_cert_auth: bool,
    /// If not empty: common names, one of which the caller's certificate must have.
    pub allowed_cn: Vec<String>,
    /// If not empty: host names, for one of which the caller's certificate must be valid.
    pub allowed_hostname: Vec<String>,
    /// Cipher suites of TLS 1.2, by their names in Go or at IANA; all that are supported if empty.
    pub cipher_suites: Vec<String>,
    /// Oldest version of TLS.
    pub min_version: Option<TlsVersion>,
    /// Newest version of TLS.
    pub max_version: Option<TlsVersion>,
    /// The certificate is one that nobody but itself has signed, so callers accept any.
    pub self_signed: bool,
}

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("TLS file {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("TLS file {}: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Certificate or key is missing.
    #[error("KeyFile and CertFile must both be present[key: {key:?}, cert: {cert:?}]")]
    Pair {
        /// The key's file.
        key: Option<PathBuf>,
        /// The certificate's file.
        cert: Option<PathBuf>,
    },
    /// A cipher suite that nobody knows, or none that is supported here.
    #[error("unexpected TLS cipher suite {0:?}")]
    Cipher(String),
    /// The rest.
    #[error("TLS cannot be set up: {0}")]
    Config(String),
}

fn config(error: impl std::fmt::Display) -> TlsError {
    TlsError::Config(error.to_string())
}

impl TlsOptions {
    /// Whether there is nothing to set up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cert_file.is_none() && self.key_file.is_none()
    }

    fn keys(&self) -> Result<Arc<Keys>, TlsError> {
        let provider = Arc::new(provider(&self.cipher_suites)?);
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => Keys::open(cert.clone(), key.clone(), provider),
            (cert, key) => Err(TlsError::Pair { key: key.clone(), cert: cert.clone() }),
        }
    }

    fn client_keys(&self) -> Result<Arc<Keys>, TlsError> {
        match (&self.client_cert_file, &self.client_key_file) {
            (Some(cert), Some(key)) => {
                Keys::open(cert.clone(), key.clone(), Arc::new(provider(&self.cipher_suites)?))
            }
            _ => self.keys(),
        }
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let (min, max) = (self.min_version, self.max_version);
        let fits =
            |at: TlsVersion| min.is_none_or(|min| at >= min) && max.is_none_or(|max| at <= max);
        let all = [(TlsVersion::Tls13, &version::TLS13), (TlsVersion::Tls12, &version::TLS12)];
        all.into_iter().filter(|(at, _)| fits(*at)).map(|(_, version)| version).collect()
    }

    /// The accepting side.
    ///
    /// # Errors
    /// A file cannot be used, or a cipher suite is not known.
    pub fn server(&self) -> Result<ServerTls, TlsError> {
        let keys = self.keys()?;
        let builder = ServerConfig::builder_with_provider(keys.provider())
            .with_protocol_versions(&self.versions())
            .map_err(config)?;
        let builder = match self.clients(&keys)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut server = builder.with_cert_resolver(keys);
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(ServerTls(Arc::new(server)))
    }

    /// What verifies callers; `None` if they need no certificate.
    fn clients(&self, keys: &Keys) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        if self.trusted_ca_file.is_none() && !self.client_cert_auth {
            return Ok(None);
        }
        let roots = match &self.trusted_ca_file {
            Some(path) => roots(path)?,
            None => system_roots()?,
        };
        let themselves = match &self.trusted_ca_file {
            // A list of revoked certificates is looked up on the way to an authority.
            Some(path) if self.crl_file.is_none() => certificates(path)?,
            _ => Vec::new(),
        };
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), keys.provider())
                .allow_unknown_revocation_status();
        let verifier = match &self.crl_file {
            Some(path) => verifier.with_crls(crl(path)?).only_check_end_entity_revocation(),
            None => verifier,
        };
        let good = verifier.build().map_err(config)?;
        let (names, hosts) = (self.allowed_cn.clone(), self.allowed_hostname.clone());
        Ok(Some(Arc::new(NamedClients::new(good, themselves, names, hosts))))
    }

    /// The calling side.
    ///
    /// # Errors
    /// As [`TlsOptions::server`].
    pub fn client(&self) -> Result<ClientTls, TlsError> {
        let keys = self.client_keys()?;
        let builder = ClientConfig::builder_with_provider(keys.provider())
            .with_protocol_versions(&self.versions())
            .map_err(config)?;
        let builder = if self.self_signed {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyServer(keys.provider())))
        } else {
            builder.with_root_certificates(match &self.trusted_ca_file {
                Some(path) => roots(path)?,
                None => system_roots()?,
            })
        };
        let mut client = builder.with_client_cert_resolver(keys);
        client.alpn_protocols = vec![b"h2".to_vec()];
        Ok(ClientTls(Arc::new(client)))
    }
}
