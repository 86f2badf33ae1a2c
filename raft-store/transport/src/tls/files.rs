//! Certificates, keys, authorities and revocation lists, from files.

use super::options::TlsError;
use rustls::RootCertStore;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{SignatureScheme, pki_types};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where systems keep the authorities that everybody trusts.
const SYSTEM: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A certificate and its key, read again for every handshake.
#[derive(Debug)]
pub(crate) struct Keys {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
}

impl Keys {
    /// Reads both once, so that a mistake is told at start.
    pub(crate) fn open(
        cert: PathBuf,
        key: PathBuf,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, TlsError> {
        let keys = Self { cert, key, provider };
        keys.read()?;
        Ok(Arc::new(keys))
    }

    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        Arc::clone(&self.provider)
    }

    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let chain = certificates(&self.cert)?;
        let pem = read(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(content(&self.key))?;
        CertifiedKey::from_der(chain, key, &self.provider).map_err(content(&self.key))
    }

    fn now(&self) -> Option<Arc<CertifiedKey>> {
        match self.read() {
            Ok(key) => Some(Arc::new(key)),
            Err(error) => {
                tracing::error!(%error, "there is no certificate to show");
                None
            }
        }
    }
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.now()
    }
}

impl ResolvesClientCert for Keys {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.now()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn content<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> TlsError + '_ {
    |error| TlsError::Content { path: path.to_owned(), reason: error.to_string() }
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let found: Result<Vec<_>, pki_types::pem::Error> =
        CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(content(path))?;
    if found.is_empty() {
        return Err(content(path)("it holds no certificate"));
    }
    Ok(found)
}

/// The authorities in a file.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(content(path))?;
    }
    Ok(roots)
}

/// The authorities that the system trusts.
pub(crate) fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = SYSTEM.iter().map(Path::new).find(|path| path.exists());
    let path = found.ok_or_else(|| {
        TlsError::Config("the system has no list of authorities: name a trusted CA file".to_owned())
    })?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path)?);
    Ok(roots)
}

/// The revoked certificates in a file, PEM or DER.
pub(crate) fn crl(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(content::<pki_types::pem::Error>(path))?;
    Ok(if found.is_empty() { vec![CertificateRevocationListDer::from(bytes)] } else { found })
}
