//! What consensus calls, over the simulated network.

use super::pipe::{Received, Receiver, pipe};
use super::{Net, host_of};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use quorate_raft::{CallError, Inbound, Method, Peer, Transport};
use quorate_seams::{SharedClock, spawn, timeout};
use quorate_types::MemberId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The transport of one member.
#[derive(Debug)]
pub(crate) struct SimTransport {
    pub(crate) net: Arc<Net>,
    pub(crate) member: MemberId,
    pub(crate) clock: SharedClock,
}

fn lost(to: &Peer, reason: impl Into<String>) -> CallError {
    CallError::Lost { peer: to.to_string(), reason: reason.into() }
}

/// Whether the protocol bears that a request is served twice.
fn bears_duplicates(method: Method) -> bool {
    !matches!(method, Method::Propose)
}

impl SimTransport {
    /// Connects; gives the other side.
    async fn reach(&self, to: &Peer) -> Result<Arc<dyn Inbound>, CallError> {
        let net = &self.net;
        if !net.carry(self.member, to.id).await {
            // Nothing comes back; the caller's patience decides.
            std::future::pending::<()>().await;
        }
        net.inbound(to).ok_or_else(|| CallError::NotSent {
            peer: to.to_string(),
            reason: "connection refused".to_owned(),
        })
    }

    async fn exchange(&self, to: &Peer, method: Method, body: Bytes) -> Result<Bytes, CallError> {
        let inbound = self.reach(to).await?;
        self.duplicate(to, method, &body, &inbound);
        let (send, reply) = oneshot::channel();
        drop(self.net.control.spawn_on(host_of(to.id), async move {
            // The caller may have given up.
            let _ = send.send(inbound.call(method, body).await);
        }));
        let reply = reply.await.map_err(|_| lost(to, "connection reset"))?;
        if !self.net.carry(to.id, self.member).await {
            std::future::pending::<()>().await;
        }
        reply.map_err(|reason| lost(to, reason))
    }

    fn duplicate(&self, to: &Peer, method: Method, body: &Bytes, inbound: &Arc<dyn Inbound>) {
        let often = self.net.lock().weather.duplicate;
        if !bears_duplicates(method) || !self.net.chance(often) {
            return;
        }
        let (net, inbound, body) = (Arc::clone(&self.net), Arc::clone(inbound), body.clone());
        drop(self.net.control.spawn_on(host_of(to.id), async move {
            net.clock.sleep(net.delay() * 3).await;
            // Nobody waits for the answer of a copy.
            let _ = inbound.call(method, body).await;
        }));
    }

    /// Connects a stream within the time that a connection may take.
    async fn connect(&self, to: &Peer) -> Result<Arc<dyn Inbound>, CallError> {
        let connecting = timeout(&*self.clock, Duration::from_millis(500), self.reach(to));
        connecting.await.unwrap_or_else(|| {
            let reason = "no connection in time".to_owned();
            Err(CallError::NotSent { peer: to.to_string(), reason })
        })
    }
}

/// The frames that arrive, until the end or the break, of which `broken` tells.
fn arriving<T: Send + 'static>(
    receiver: Receiver<T>,
    broken: impl Fn() -> Option<T> + Send + 'static,
) -> BoxStream<'static, T> {
    stream::unfold(Some((receiver, broken)), |open| async move {
        let (mut receiver, broken) = open?;
        match receiver.receive().await {
            Received::Value(value) => Some((value, Some((receiver, broken)))),
            Received::End => None,
            Received::Broken => Some((broken()?, None)),
        }
    })
    .boxed()
}

#[async_trait]
impl Transport for SimTransport {
    async fn call(
        &self,
        to: &Peer,
        method: Method,
        body: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let exchange = timeout(&*self.clock, limit, self.exchange(to, method, body));
        exchange.await.unwrap_or_else(|| Err(lost(to, "no answer in time")))
    }

    async fn append(
        &self,
        to: &Peer,
        requests: BoxStream<'static, Bytes>,
    ) -> Result<BoxStream<'static, Result<Bytes, CallError>>, CallError> {
        let inbound = self.connect(to).await?;
        let (mut out, arrived) = pipe(&self.net, self.member, to.id);
        let (mut back, replies) = pipe(&self.net, to.id, self.member);
        let pump = spawn(async move {
            let mut requests = requests;
            while let Some(request) = requests.next().await {
                if !out.send(request) {
                    return;
                }
            }
            out.end();
        });
        drop(self.net.control.spawn_on(host_of(to.id), async move {
            let mut served = inbound.append(arriving(arrived, || None));
            while let Some(reply) = served.next().await {
                if !back.send(reply) {
                    return;
                }
            }
            back.end();
        }));
        let to = to.clone();
        let other = to.clone();
        let replies = arriving(replies, move || Some(Err("connection reset".to_owned())));
        let replies = replies.map(move |reply| {
            let _pumping_while_read = &pump;
            reply.map_err(|reason| lost(&other, reason))
        });
        Ok(replies.boxed())
    }

    async fn snapshot(
        &self,
        to: &Peer,
        frames: BoxStream<'static, Bytes>,
    ) -> Result<Bytes, CallError> {
        let inbound = self.connect(to).await?;
        let (mut out, arrived) = pipe(&self.net, self.member, to.id);
        let (send, reply) = oneshot::channel();
        drop(self.net.control.spawn_on(host_of(to.id), async move {
            let frames = arriving(arrived, || Some(Err("the sender is gone".to_owned())));
            // The sender may have given up.
            let _ = send.send(inbound.snapshot(frames).await);
        }));
        let mut frames = frames;
        while let Some(frame) = frames.next().await {
            if !out.send(Ok(frame)) {
                return Err(lost(to, "connection reset"));
            }
        }
        out.end();
        let reply = reply.await.map_err(|_| lost(to, "connection reset"))?;
        if !self.net.carry(to.id, self.member).await {
            return Err(lost(to, "the reply was lost"));
        }
        reply.map_err(|reason| lost(to, reason))
    }
}
