//! TLS of the listener.
//!
//! Place: between a socket and HTTP. It brings the certificate that a client shows to whoever judges it
//! and does not judge itself: a bad one is answered with a `Status`, as every refusal is, and does not
//! break the connection of somebody who also has a good token. That the client holds the key of what it
//! shows is proved here.

use crate::access::{CertificateError, verifier};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use std::fmt;
use std::io;
use std::sync::Arc;
use thiserror::Error as ThisError;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The two versions of HTTP, the better one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
const HTTP2: &[u8] = b"h2";

/// Why TLS cannot be set up.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate or the key of the server cannot be used.
    #[error("{what} of the server cannot be used: {reason}")]
    Server {
        /// Which of both.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The authorities of clients cannot be used.
    #[error(transparent)]
    Clients(#[from] CertificateError),
}

/// The accepting side of TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct ServerTls(Arc<ServerConfig>);

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

impl ServerTls {
    /// With the server's certificate, those that lead to its authority behind it, and its key, in PEM.
    /// If authorities of clients are given, in PEM, clients are asked for a certificate; they need
    /// not have one. [`Certificates`](crate::access::Certificates) makes users of them.
    ///
    /// # Errors
    /// One of these cannot be read, or certificate and key are no pair.
    pub fn new(
        certificates: &[u8],
        key: &[u8],
        client_authorities: Option<&[u8]>,
    ) -> Result<Self, TlsError> {
        let fault = |what: &'static str| move |reason: String| TlsError::Server { what, reason };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(|error| fault("certificate")(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|error| fault("key")(error.to_string()))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| fault("TLS version")(error.to_string()))?;
        let builder = match client_authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                builder.with_client_cert_verifier(Arc::new(Courier(verifier(authorities)?)))
            }
        };
        let config = builder.with_single_cert(chain, key);
        let mut config = config.map_err(|error| fault("certificate")(error.to_string()))?;
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(Arc::clone(&self.0)).accept(stream).await
    }
}

/// What the other end has shown.
pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> Arc<[CertificateDer<'static>]> {
    stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec().into()
}

/// Whether both ends speak HTTP/2.
pub(crate) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// Takes every certificate whose key the other end holds.
#[derive(Debug)]
struct Courier(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Courier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // Judged at every request.
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
