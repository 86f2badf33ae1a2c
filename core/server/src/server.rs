//! The API on a socket.

use crate::Api;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use quorate_seams::{Task, TaskSet, spawn};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

/// A listening API. Dropping it ends all connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: Task<()>,
    connections: Arc<TaskSet>,
}

impl Server {
    /// Listens for HTTP/1.1 without TLS: for loopback, and for what terminates TLS before it.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(api: Api, address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(TaskSet::new());
        let accepting = spawn(accept(listener, api, Arc::clone(&connections)));
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

async fn accept(listener: TcpListener, api: Api, connections: Arc<TaskSet>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers must not wait for each other; without it they are only slower.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, api.clone()));
            }
            Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
        }
    }
}

async fn serve(stream: TcpStream, api: Api) {
    let service = service_fn(move |request| {
        let api = api.clone();
        async move { Ok::<_, Infallible>(api.handle(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection ended");
    }
}
