//! One connection, whatever it runs over, that ends when the server does.
//!
//! Each connection is served in a task of its own that outlives the accepting one; a shared
//! signal makes every read and write of every connection fail instead.

use super::authority::Mender;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tonic::transport::server::Connected;

/// Bytes in both directions: TCP, Unix sockets, and either of them under TLS.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// Who is at the other end of an accepted connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// Its address; `None` for a Unix socket.
    pub addr: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// The common name in its certificate, which has been verified; `None` without a certificate,
    /// empty if the certificate has none.
    pub common_name: Option<String>,
}

/// An accepted connection; it ends when the signal is given or its sender dropped.
pub struct Socket {
    stream: Box<dyn Bytes>,
    caller: Caller,
    ended: BoxFuture<'static, ()>,
    over: bool,
    /// Looks at the beginning, while it lasts.
    mending: Option<Mending>,
}

/// The beginning of a connection.
#[derive(Debug, Default)]
struct Mending {
    mender: Mender,
    /// What may pass and has not been read yet.
    ready: VecDeque<u8>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl Socket {
    pub(crate) fn new(
        stream: Box<dyn Bytes>,
        caller: Caller,
        mut alive: watch::Receiver<()>,
    ) -> Self {
        // A change is the signal; an error says that the server is gone.
        let ended = async move { drop(alive.changed().await) }.boxed();
        Self { stream, caller, ended, over: false, mending: None }
    }

    /// Takes URLs for authorities, see [`Mender`].
    pub(crate) fn mended(mut self) -> Self {
        self.mending = Some(Mending::default());
        self
    }

    /// Reads through the mender.
    fn poll_mended(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let Some(Mending { mender, ready }) = &mut self.mending else {
                return Pin::new(&mut self.stream).poll_read(cx, buf);
            };
            if !ready.is_empty() {
                let count = ready.len().min(buf.remaining());
                buf.put_slice(&ready.drain(..count).collect::<Vec<_>>());
                return Poll::Ready(Ok(()));
            }
            if mender.is_done() {
                self.mending = None;
                continue;
            }
            let mut space = [0; 2048];
            let mut read = ReadBuf::new(&mut space);
            std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
            ready.extend(match read.filled() {
                [] => mender.release(Vec::new()),
                bytes => mender.pass(bytes),
            });
        }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.over && self.ended.poll_unpin(cx).is_ready() {
            self.over = true;
        }
        if self.over { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        self.poll_mended(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connected for Socket {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}
