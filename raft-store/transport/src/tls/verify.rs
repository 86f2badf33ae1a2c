//! Who is let in, beyond what a chain of signatures says.

use super::names::common_name;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;

/// Callers whose certificates are good, and have an allowed name if there are any. A certificate that is
/// trusted as an authority is good for its own holder, too, as in etcd.
#[derive(Debug)]
pub(crate) struct NamedClients {
    good: Arc<dyn ClientCertVerifier>,
    trusted: Vec<CertificateDer<'static>>,
    common_names: Vec<String>,
    hosts: Vec<String>,
}

impl NamedClients {
    pub(crate) fn new(
        good: Arc<dyn ClientCertVerifier>,
        trusted: Vec<CertificateDer<'static>>,
        common_names: Vec<String>,
        hosts: Vec<String>,
    ) -> Self {
        Self { good, trusted, common_names, hosts }
    }

    fn is_allowed(&self, certificate: &CertificateDer<'_>) -> Result<bool, Error> {
        if !self.common_names.is_empty() {
            let name = common_name(certificate).unwrap_or_default();
            if !self.common_names.contains(&name) {
                return Ok(false);
            }
        }
        if self.hosts.is_empty() {
            return Ok(true);
        }
        let parsed = ParsedCertificate::try_from(certificate)?;
        let names = self.hosts.iter().filter_map(|host| ServerName::try_from(&**host).ok());
        Ok(names.into_iter().any(|name| verify_server_name(&parsed, &name).is_ok()))
    }
}

impl ClientCertVerifier for NamedClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.good.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = match self.good.verify_client_cert(end_entity, intermediates, now) {
            Err(error) if is_authority(&error) && self.trusted.contains(end_entity) => {
                ClientCertVerified::assertion()
            }
            verified => verified?,
        };
        if self.is_allowed(end_entity)? {
            Ok(verified)
        } else {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.good.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.good.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.good.supported_verify_schemes()
    }
}

/// Whether a certificate was refused because it is an authority's; its time was found good before.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Any server that holds the key of the certificate that it shows: members with generated certificates
/// encrypt and do not know each other (etcd's rule for them).
#[derive(Debug)]
pub(crate) struct AnyServer(pub(crate) Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
