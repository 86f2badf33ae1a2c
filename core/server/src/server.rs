//! The API on a socket.
//!
//! Invariants: there are never more connections than [`ServerOptions::max_connections`]; a handshake, a
//! request's head and its body each end in bounded time; what runs for a connection ends with the server.

use crate::access::Shown;
use crate::tls::{self, ServerTls};
use crate::{Api, ResponseBody};
use hyper::body::Incoming;
use hyper::rt::{Executor, Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use quorate_seams::{Task, TaskSet, spawn, timeout};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest that a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The longest that the head of a request may take, and that an HTTP/1.1 connection may be idle.
const HEAD: Duration = Duration::from_secs(30);
/// An HTTP/2 connection on which nothing comes for so long is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// How long the answer may take.
const PONG: Duration = Duration::from_secs(15);
/// Requests that one HTTP/2 connection may have open.
const STREAMS: u32 = 250;
/// Connections at once, unless it is told otherwise.
const CONNECTIONS: usize = 10_000;
/// Pause after a failure to accept, most often for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// A listening API. Dropping it ends all connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: Task<()>,
    connections: Arc<TaskSet>,
}

/// How a server listens.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    tls: Option<ServerTls>,
    connections: usize,
}

impl Default for ServerOptions {
    /// Without TLS.
    fn default() -> Self {
        Self { tls: None, connections: CONNECTIONS }
    }
}

impl ServerOptions {
    /// Without TLS.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With TLS, HTTP/2 and HTTP/1.1.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connections that there are at once at most; 10,000 unless it is told otherwise. More wait until
    /// one ends.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }
}

impl Server {
    /// Listens for HTTP/1.1 without TLS: for loopback, and for what terminates TLS before it.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(api: Api, address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::start_with(api, address, ServerOptions::new()).await
    }

    /// Listens as the options say.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start_with(
        api: Api,
        address: impl ToSocketAddrs,
        options: ServerOptions,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(TaskSet::new());
        let places = Arc::new(Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS)));
        let door = Door { api, tls: options.tls, connections: Arc::clone(&connections) };
        let accepting = spawn(door.accept(listener, places));
        Ok(Self { address, accepting, connections })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and ends all connections.
    pub async fn stop(self) {
        self.accepting.stop().await;
        self.connections.stop().await;
    }
}

/// What turns connections into requests.
#[derive(Clone)]
struct Door {
    api: Api,
    tls: Option<ServerTls>,
    connections: Arc<TaskSet>,
}

impl Door {
    async fn accept(self, listener: TcpListener, places: Arc<Semaphore>) {
        // The places are never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Small answers must not wait for each other; without it they are only slower.
                    let _ = stream.set_nodelay(true);
                    self.connections.spawn(self.clone().serve(stream, place));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.api.clock().sleep(PAUSE).await;
                }
            }
        }
    }

    /// Serves one connection, which has its place until it ends.
    async fn serve(self, stream: TcpStream, _place: OwnedSemaphorePermit) {
        let Some(tls) = &self.tls else { return self.http1(stream, None).await };
        let shaken = timeout(&*self.api.clock(), HANDSHAKE, tls.accept(stream)).await;
        let stream = match shaken {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => return tracing::debug!(%error, "no TLS connection came about"),
            None => return tracing::debug!("a TLS handshake took too long"),
        };
        let shown = Some(Shown(tls::shown(&stream)));
        match tls::is_http2(&stream) {
            true => self.http2(stream, shown).await,
            false => self.http1(stream, shown).await,
        }
    }

    async fn http1<S>(&self, stream: S, shown: Option<Shown>)
    where
        TokioIo<S>: Read + Write + Unpin + Send + 'static,
    {
        let api = self.api.clone();
        let service = service_fn(move |request| answer(api.clone(), shown.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    }

    async fn http2<S>(&self, stream: S, shown: Option<Shown>)
    where
        TokioIo<S>: Read + Write + Unpin + Send + 'static,
    {
        let api = self.api.clone();
        let service = service_fn(move |request| answer(api.clone(), shown.clone(), request));
        let connection = http2::Builder::new(Spawner(Arc::clone(&self.connections)))
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .max_concurrent_streams(STREAMS)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    }
}

async fn answer(
    api: Api,
    shown: Option<Shown>,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    if let Some(shown) = shown {
        request.extensions_mut().insert(shown);
    }
    Ok(api.handle(request).await)
}

/// Runs the streams of HTTP/2 connections among the server's tasks.
#[derive(Clone)]
struct Spawner(Arc<TaskSet>);

impl<F> Executor<F> for Spawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
