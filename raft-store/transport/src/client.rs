//! The calling end: one connection for each lane to each member, made when first needed and again
//! after it broke.

use crate::identity::Identity;
use crate::net::{Dialer, Url};
use crate::proto::peer_client::PeerClient;
use crate::proto::{Frame, Request};
use crate::tls::ClientTls;
use crate::{CONNECTION_WINDOW, MAX_MESSAGE_BYTES, STREAM_WINDOW};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{BoxFuture, Either, select};
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use quorate_raft::{CallError, ClusterMember, Lane, Method, Peer, Transport, decode_description};
use quorate_seams::{SharedClock, timeout};
use quorate_types::{ClusterId, MemberId};
use std::collections::HashMap;
use std::error::Error as _;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// Why a stream ended when this member stopped.
const DISCONNECTED: &str = "this member has stopped";

/// When a silent connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Silence after which the other end is asked for a sign of life.
    pub interval: Duration,
    /// Time it has to give one; also the time a new connection may take.
    pub timeout: Duration,
}

/// Calls other members over gRPC.
#[derive(Debug)]
pub struct GrpcTransport {
    identity: Identity,
    clock: SharedClock,
    keep_alive: KeepAlive,
    tls: Option<Arc<ClientTls>>,
    links: Mutex<HashMap<(MemberId, Lane), (String, Channel)>>,
    /// A change ends every stream of requests.
    ended: watch::Sender<()>,
}

type Client = PeerClient<Channel>;

impl GrpcTransport {
    /// A transport for calls by a member.
    #[must_use]
    pub fn new(identity: Identity, clock: SharedClock, keep_alive: KeepAlive) -> Self {
        Self {
            identity,
            clock,
            keep_alive,
            tls: None,
            links: Mutex::default(),
            ended: watch::Sender::new(()),
        }
    }

    /// With what members are called whose addresses are encrypted URLs.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<ClientTls>) -> Self {
        self.tls = tls.map(Arc::new);
        self
    }

    /// Ends every stream of requests and forgets every connection; they close once the calls on them
    /// have ended.
    pub fn disconnect(&self) {
        self.ended.send_replace(());
        self.links.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Completes with the next [`GrpcTransport::disconnect`].
    fn ended(&self) -> BoxFuture<'static, ()> {
        let mut ended = self.ended.subscribe();
        async move { drop(ended.changed().await) }.boxed()
    }

    fn client(&self, to: &Peer) -> Result<Client, CallError> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = match links.get(&(to.id, to.lane)) {
            Some((addr, channel)) if *addr == to.addr => channel.clone(),
            _ => {
                let channel = self.connect(to)?;
                links.insert((to.id, to.lane), (to.addr.clone(), channel.clone()));
                channel
            }
        };
        Ok(PeerClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES))
    }

    fn connect(&self, to: &Peer) -> Result<Channel, CallError> {
        let urls = Url::addresses(&to.addr).map_err(|error| CallError::NotSent {
            peer: to.to_string(),
            reason: error.to_string(),
        })?;
        Ok(endpoint(self.keep_alive)
            .connect_with_connector_lazy(Dialer::new(urls, self.tls.clone())))
    }

    fn marked<T>(&self, to: &Peer, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        self.identity.mark(to.id, request.metadata_mut());
        request
    }
}

/// A connection to whatever the dialer connects to.
fn endpoint(keep_alive: KeepAlive) -> Endpoint {
    Endpoint::from_static("http://member")
        .tcp_nodelay(true)
        .connect_timeout(keep_alive.timeout)
        .http2_keep_alive_interval(keep_alive.interval)
        .keep_alive_timeout(keep_alive.timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
}

/// Asks a member which cluster it belongs to and who else does, before anything is known about it.
///
/// # Errors
/// What kept it from answering in time.
pub async fn describe(
    urls: &[Url],
    tls: Option<ClientTls>,
    keep_alive: KeepAlive,
) -> Result<(ClusterId, Vec<ClusterMember>), String> {
    let dialer = Dialer::new(urls.to_vec(), tls.map(Arc::new));
    let channel = endpoint(keep_alive)
        .timeout(keep_alive.timeout)
        .connect_with_connector(dialer)
        .await
        .map_err(|error| error.to_string())?;
    let request = Request { method: Method::Describe.number(), body: Bytes::new() };
    let reply = PeerClient::new(channel).call(request).await;
    let body = reply.map_err(|status| status.message().to_owned())?.into_inner().body;
    decode_description(body).map_err(|error| error.to_string())
}

/// Bodies on their way out, as a type without lifetimes: the compiler cannot prove a call over a
/// stream of an erased type to be `Send`.
struct Frames(BoxStream<'static, Bytes>);

impl Stream for Frames {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.0.poll_next_unpin(cx).map(|body| body.map(|body| Frame { body }))
    }
}

/// What a failed call says about its effect. A connection that never came up carried nothing; the
/// server marks what it refused before it did anything; all else may have arrived.
fn call_error(to: &Peer, status: &Status) -> CallError {
    let peer = to.to_string();
    let reason = status.message().to_owned();
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return CallError::NotSent { peer, reason };
        }
        source = error.source();
    }
    match status.code() {
        Code::FailedPrecondition => CallError::Refused { peer, reason },
        _ => CallError::Lost { peer, reason },
    }
}

#[async_trait]
impl Transport for GrpcTransport {
    async fn call(
        &self,
        to: &Peer,
        method: Method,
        body: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let mut client = self.client(to)?;
        let request = self.marked(to, Request { method: method.number(), body });
        match timeout(&*self.clock, limit, client.call(request)).await {
            Some(Ok(reply)) => Ok(reply.into_inner().body),
            Some(Err(status)) => Err(call_error(to, &status)),
            None => Err(CallError::Lost {
                peer: to.to_string(),
                reason: format!("no answer to {method:?} within {limit:?}"),
            }),
        }
    }

    async fn append(
        &self,
        to: &Peer,
        requests: BoxStream<'static, Bytes>,
    ) -> Result<BoxStream<'static, Result<Bytes, CallError>>, CallError> {
        let mut client = self.client(to)?;
        let ended = self.ended();
        let opening = client.append(self.marked(to, Frames(requests)));
        let Either::Left((replies, ended)) = select(pin!(opening), ended).await else {
            let reason = DISCONNECTED.to_owned();
            return Err(CallError::Lost { peer: to.to_string(), reason });
        };
        let replies = replies.map_err(|status| call_error(to, &status))?.into_inner();
        let to = to.clone();
        Ok(replies
            .take_until(ended)
            .map(move |reply| match reply {
                Ok(frame) => Ok(frame.body),
                Err(status) => Err(call_error(&to, &status)),
            })
            .boxed())
    }

    async fn snapshot(
        &self,
        to: &Peer,
        frames: BoxStream<'static, Bytes>,
    ) -> Result<Bytes, CallError> {
        let mut client = self.client(to)?;
        let sending = client.snapshot(self.marked(to, Frames(frames)));
        match select(pin!(sending), self.ended()).await {
            Either::Left((Ok(reply), _)) => Ok(reply.into_inner().body),
            Either::Left((Err(status), _)) => Err(call_error(to, &status)),
            Either::Right(_) => {
                let reason = DISCONNECTED.to_owned();
                Err(CallError::Lost { peer: to.to_string(), reason })
            }
        }
    }
}
