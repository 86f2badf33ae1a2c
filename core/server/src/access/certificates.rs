//! Users by their certificates: the common name is the user's, organisations are groups.

use super::{AuthenticateError, Authenticator, Credentials, Known, User};
use async_trait::async_trait;
use quorate_auth::certificate::subject;
use quorate_seams::SharedClock;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::sync::Arc;
use thiserror::Error;

/// Why authorities cannot be used.
#[derive(Debug, Error)]
#[error("the certificates of client authorities cannot be used: {reason}")]
pub struct CertificateError {
    /// What is wrong.
    pub reason: String,
}

impl CertificateError {
    fn new(reason: impl ToString) -> Self {
        Self { reason: reason.to_string() }
    }
}

/// Knows users by certificates that one of some authorities has signed for clients.
#[derive(Debug)]
pub struct Certificates {
    verifier: Arc<dyn ClientCertVerifier>,
    clock: SharedClock,
}

impl Certificates {
    /// Certificates of these authorities, in PEM.
    ///
    /// # Errors
    /// There is no certificate of an authority.
    pub fn new(authorities: &[u8], clock: SharedClock) -> Result<Self, CertificateError> {
        Ok(Self { verifier: verifier(authorities)?, clock })
    }
}

/// What verifies certificates of clients against authorities in PEM.
pub(crate) fn verifier(
    authorities: &[u8],
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        roots.add(certificate.map_err(CertificateError::new)?).map_err(CertificateError::new)?;
    }
    if roots.is_empty() {
        return Err(CertificateError::new("there is none in PEM"));
    }
    let provider = Arc::new(ring::default_provider());
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build();
    built.map_err(CertificateError::new)
}

#[async_trait]
impl Authenticator for Certificates {
    /// Verifies at every request: a connection may outlive its certificate.
    async fn authenticate(
        &self,
        credentials: &Credentials,
    ) -> Result<Option<Known>, AuthenticateError> {
        let Some((own, others)) = credentials.certificates.split_first() else { return Ok(None) };
        let now = UnixTime::since_unix_epoch(self.clock.wall().0);
        let refused = |reason: String| AuthenticateError::Certificate { reason };
        let verified = self.verifier.verify_client_cert(own, others, now);
        verified.map_err(|error| refused(error.to_string()))?;
        let subject = subject(own).ok_or_else(|| refused("its names are no text".to_owned()))?;
        if subject.common_name.is_empty() {
            return Ok(None);
        }
        let groups = subject.organizations;
        Ok(Some(User { groups, ..User::new(subject.common_name) }.into()))
    }
}
