//! The called end.

use crate::client::KeepAlive;
use crate::identity::Identity;
use crate::net::{ListenError, Sockets, Url};
use crate::proto::peer_server::{Peer, PeerServer};
use crate::proto::{Frame, Request};
use crate::tls::ServerTls;
use crate::{CONNECTION_WINDOW, MAX_MESSAGE_BYTES, STREAM_WINDOW};
use futures::StreamExt;
use futures::stream::BoxStream;
use quorate_raft::{Inbound, Method};
use quorate_seams::{SharedClock, Task, spawn};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tonic::{Response, Status, Streaming};

/// Requests that one connection may have open; more wait at the caller.
const MAX_STREAMS: u32 = 4096;

/// Bound addresses that do not answer yet.
#[derive(Debug)]
pub struct Listener {
    sockets: Sockets,
    addr: SocketAddr,
}

impl Listener {
    /// Binds an address; port 0 takes any free port.
    ///
    /// # Errors
    /// As the operating system says: `AddrInUse` for a port that another process has.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let bound = Sockets::bind(&[Url::plain(addr.to_string())], None).await;
        let sockets = bound.map_err(|error| error.source)?;
        Ok(Self::of(sockets, addr))
    }

    /// Binds several URLs, with TLS where they say so.
    ///
    /// # Errors
    /// As [`Sockets::bind`].
    pub async fn bind_urls(urls: &[Url], tls: Option<ServerTls>) -> Result<Self, ListenError> {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(Self::of(Sockets::bind(urls, tls).await?, nowhere))
    }

    fn of(sockets: Sockets, otherwise: SocketAddr) -> Self {
        let addr = sockets.addr().unwrap_or(otherwise);
        Self { sockets, addr }
    }

    /// The first bound TCP address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Begins to serve calls to a member. Must run inside a tokio runtime.
    #[must_use]
    pub fn serve(
        self,
        identity: Identity,
        keep_alive: KeepAlive,
        inbound: Arc<dyn Inbound>,
        clock: SharedClock,
    ) -> Server {
        let (alive, seen) = watch::channel(());
        let service = PeerServer::new(Service { identity, inbound })
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(keep_alive.interval))
            .http2_keepalive_timeout(Some(keep_alive.timeout))
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .add_service(service)
            .serve_with_incoming(self.sockets.accept(clock, seen));
        let task = spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "member-to-member traffic has stopped");
            }
        });
        Server { task, alive }
    }
}

/// A serving end; dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Server {
    task: Task<()>,
    alive: watch::Sender<()>,
}

impl Server {
    /// Closes the port, then every connection, and returns when all are closed.
    pub async fn stop(self) {
        self.task.stop().await;
        // Each connection holds a receiver until it is gone.
        self.alive.send_replace(());
        self.alive.closed().await;
    }
}

struct Service {
    identity: Identity,
    inbound: Arc<dyn Inbound>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("identity", &self.identity).finish_non_exhaustive()
    }
}

fn failed(reason: String) -> Status {
    Status::unavailable(reason)
}

#[tonic::async_trait]
impl Peer for Service {
    type AppendStream = BoxStream<'static, Result<Frame, Status>>;

    async fn call(&self, request: tonic::Request<Request>) -> Result<Response<Frame>, Status> {
        let checked = self.identity.check(request.metadata());
        let Request { method, body } = request.into_inner();
        let method = Method::from_number(method).ok_or_else(|| {
            Status::failed_precondition(format!("method {method} is not known here: upgrade"))
        })?;
        // Who wants to join does not know yet whom it calls.
        if method != Method::Describe {
            checked?;
        }
        let body = self.inbound.call(method, body).await.map_err(failed)?;
        Ok(Response::new(Frame { body }))
    }

    async fn append(
        &self,
        request: tonic::Request<Streaming<Frame>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        self.identity.check(request.metadata())?;
        // A broken request stream just ends: the replies to what arrived still count.
        let requests = request
            .into_inner()
            .take_while(|frame| std::future::ready(frame.is_ok()))
            .filter_map(|frame| std::future::ready(frame.ok().map(|frame| frame.body)));
        let replies = self.inbound.append(requests.boxed());
        let frames = replies.map(|reply| match reply {
            Ok(body) => Ok(Frame { body }),
            Err(reason) => Err(failed(reason)),
        });
        Ok(Response::new(frames.boxed()))
    }

    async fn snapshot(
        &self,
        request: tonic::Request<Streaming<Frame>>,
    ) -> Result<Response<Frame>, Status> {
        self.identity.check(request.metadata())?;
        let frames = request.into_inner().map(|frame| match frame {
            Ok(frame) => Ok(frame.body),
            Err(status) => Err(status.to_string()),
        });
        let body = self.inbound.snapshot(frames.boxed()).await.map_err(failed)?;
        Ok(Response::new(Frame { body }))
    }
}
