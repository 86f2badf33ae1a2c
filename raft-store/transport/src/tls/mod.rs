//! TLS of members and clients, configured as etcd configures it.
//!
//! Invariants: certificates and keys are read from their files at every handshake, so that renewed ones
//! are used without a restart; who must show a certificate is verified against the trusted authorities,
//! then against the revocation list, then against the allowed names, and refused if any of them fails.

mod ciphers;
mod files;
mod names;
mod options;
mod self_signed;
mod verify;

pub use options::{TlsError, TlsOptions, TlsVersion};
pub use self_signed::self_signed;

use crate::net::{Bytes, Url};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, ServerConfig};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The accepting side of TLS.
#[derive(Clone)]
pub struct ServerTls(Arc<ServerConfig>);

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Shakes hands; gives the encrypted stream and the common name of the caller's certificate.
    pub(crate) async fn accept(
        &self,
        stream: impl Bytes + 'static,
    ) -> io::Result<(Box<dyn Bytes>, Option<String>)> {
        let stream = TlsAcceptor::from(Arc::clone(&self.0)).accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|all| all.first());
        let name = shown.map(|certificate| names::common_name(certificate).unwrap_or_default());
        Ok((Box::new(stream), name))
    }
}

/// The calling side of TLS.
#[derive(Clone)]
pub struct ClientTls(Arc<ClientConfig>);

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

impl ClientTls {
    /// Shakes hands with the server of a host.
    pub(crate) async fn connect(
        &self,
        host: &str,
        url: &Url,
        stream: impl Bytes + 'static,
    ) -> io::Result<Box<dyn Bytes>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let connected = TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await;
        match connected {
            Ok(stream) => Ok(Box::new(Heard { stream: Box::new(stream), url: url.clone() })),
            Err(error) => {
                tracing::warn!(to = %url, error = %words(&error), "a TLS connection was refused");
                Err(error)
            }
        }
    }
}

/// A connection whose other end may refuse this one's certificate after the handshake; that is worth a
/// line in the log, which nothing above this layer would write.
struct Heard {
    stream: Box<dyn Bytes>,
    url: Url,
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &read
            && tls_error(error).is_some()
        {
            tracing::warn!(to = %self.url, error = %words(error), "a TLS connection was refused");
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// A failure in the words that etcd's users search for.
pub(crate) fn words(error: &io::Error) -> String {
    match tls_error(error) {
        Some(Error::AlertReceived(alert)) => format!("remote error: tls: {}", alert_words(*alert)),
        Some(Error::InvalidCertificate(CertificateError::NotValidForName)) => {
            "client certificate authentication failed".to_owned()
        }
        Some(other) => format!("tls: {other}"),
        None => error.to_string(),
    }
}

fn alert_words(alert: AlertDescription) -> String {
    let words = match alert {
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::UnsupportedCertificate => "unsupported certificate",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateUnknown => "unknown certificate",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::CertificateRequired => "certificate required",
        AlertDescription::HandshakeFailure => "handshake failure",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        other => return format!("{other:?}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests;
