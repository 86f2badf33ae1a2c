//! Connections to other members.

use super::Url;
use super::socket::Bytes;
use crate::tls::ClientTls;
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::{TcpStream, UnixStream};
use tonic::codegen::Service;
use tonic::codegen::http::Uri;

/// Connects to the first of several URLs that answers. As tonic wants it, a service; the address that
/// tonic asks for is ignored.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    urls: Arc<[Url]>,
    tls: Option<Arc<ClientTls>>,
}

impl Dialer {
    pub(crate) fn new(urls: Vec<Url>, tls: Option<Arc<ClientTls>>) -> Self {
        Self { urls: urls.into(), tls }
    }

    async fn connect(self) -> io::Result<TokioIo<Box<dyn Bytes>>> {
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the member has no address");
        for url in self.urls.iter() {
            match self.connect_to(url).await {
                Ok(stream) => return Ok(TokioIo::new(stream)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect_to(&self, url: &Url) -> io::Result<Box<dyn Bytes>> {
        if let Some(path) = url.path() {
            let unix = UnixStream::connect(path).await?;
            return if url.is_secure() {
                self.tls()?.connect("localhost", url, unix).await
            } else {
                Ok(Box::new(unix))
            };
        }
        let (host, port) = url.host_and_port().ok_or(io::ErrorKind::InvalidInput)?;
        let tcp = TcpStream::connect((host, port)).await?;
        tcp.set_nodelay(true)?;
        if url.is_secure() { self.tls()?.connect(host, url, tcp).await } else { Ok(Box::new(tcp)) }
    }

    fn tls(&self) -> io::Result<&ClientTls> {
        self.tls.as_deref().ok_or_else(|| {
            io::Error::new(io::ErrorKind::Unsupported, "no TLS is set up for members")
        })
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Box<dyn Bytes>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
