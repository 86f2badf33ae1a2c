//! What other members call.

use crate::consensus::Consensus;
use crate::machine::SnapshotData;
use crate::membership::ClusterMember;
use crate::requests::Attempt;
use crate::transport::{Inbound, Method};
use crate::types::{LogId, Snapshot};
use crate::wire;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use quorate_types::ClusterId;
use std::sync::{Arc, Mutex, PoisonError};

#[async_trait]
impl Inbound for Consensus {
    async fn call(&self, method: Method, body: Bytes) -> Result<Bytes, String> {
        match method {
            Method::Hello => self.inner.hello(body).await,
            Method::Append => self.serve_append(body).await,
            Method::Vote | Method::PreVote => self.serve_vote(method, body).await,
            Method::TransferLeader => {
                let request = wire::decode_transfer(body).map_err(text)?;
                let reply = self.inner.raft.handle_transfer_leader(request).await.map_err(text)?;
                Ok(wire::encode_transfer_reply(&reply))
            }
            Method::Propose => {
                let attempt = self.propose_here(body).await;
                let encoded = attempt.map(|outcome| match quorate_mvcc::encode_outcome(&outcome) {
                    Ok(bytes) => Attempt::Done(bytes),
                    Err(error) => Attempt::Unknown(error.to_string()),
                });
                Ok(leader_reply(encoded))
            }
            Method::ReadIndex => {
                let attempt = self.read_index_here().await;
                let bytes = |index: u64| Attempt::Done(index.to_le_bytes().to_vec().into());
                Ok(leader_reply(attempt.map(bytes)))
            }
            Method::OfferSnapshot => self.serve_offer(body).await,
            Method::Describe => {
                Ok(wire::encode_description(self.inner.options.cluster, &self.members()))
            }
            Method::ChangeMembers => Ok(leader_reply(self.serve_change(body).await)),
            other => Err(format!("{other:?} is not served by consensus")),
        }
    }

    fn append(
        &self,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, String>> {
        let (birth, witness) = (Arc::clone(&self.inner.birth), Arc::clone(&self.inner.witness));
        let refused = Arc::new(Mutex::new(None));
        let refusal = Arc::clone(&refused);
        let decoded = requests.map(wire::decode_append).scan((), move |(), request| {
            let request = request.map_err(text).and_then(|(envelope, request)| {
                birth.admit(envelope.birth)?;
                witness.note_leader(&envelope, &request.vote);
                Ok(request)
            });
            std::future::ready(match request {
                Ok(request) => Some(request),
                Err(reason) => {
                    tracing::error!(reason, "an append stream is ended by what it carries");
                    *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
                    None
                }
            })
        });
        let replies = self.inner.raft.stream_append(decoded);
        let replies = replies.map(|reply| Ok(wire::encode_append_reply(&reply.map_err(text)?)));
        // The last word, so that the caller does not take the end for success.
        let end = stream::once(async move {
            refused.lock().unwrap_or_else(PoisonError::into_inner).take().map(Err)
        });
        replies.chain(end.filter_map(std::future::ready)).boxed()
    }

    async fn snapshot(
        &self,
        frames: BoxStream<'static, Result<Bytes, String>>,
    ) -> Result<Bytes, String> {
        let inner = &self.inner;
        let received = inner.inbox.receive(frames, &inner.birth).await.map_err(text)?;
        let snapshot =
            Snapshot { meta: received.meta, snapshot: SnapshotData::Received(received.copy) };
        let raft = &self.inner.raft;
        let reply = raft.install_full_snapshot(received.vote, snapshot).await.map_err(text)?;
        Ok(wire::encode_vote(&reply.vote))
    }
}

/// Encodes how an attempt to serve a request at the leader went, for the member that asked.
#[must_use]
pub fn leader_reply(attempt: Attempt<Bytes>) -> Bytes {
    wire::encode_reply(attempt)
}

/// Decodes what a member answers to [`Method::Describe`].
///
/// # Errors
/// The bytes are no description.
pub fn decode_description(bytes: Bytes) -> Result<(ClusterId, Vec<ClusterMember>), std::io::Error> {
    Ok(wire::decode_description(bytes)?)
}

impl Consensus {
    async fn serve_append(&self, body: Bytes) -> Result<Bytes, String> {
        let (envelope, request) = wire::decode_append(body).map_err(text)?;
        self.inner.birth.admit(envelope.birth)?;
        self.inner.witness.note_leader(&envelope, &request.vote);
        let prev = request.prev_log_id;
        let last: Option<LogId> = request.entries.last().map(|entry| entry.log_id).or(prev);
        let reply = self.inner.raft.append_entries(request).await.map_err(text)?;
        Ok(wire::encode_append_reply(&wire::unary_append_reply(prev, last, reply)))
    }

    async fn serve_offer(&self, body: Bytes) -> Result<Bytes, String> {
        let files = wire::decode_offer(body).map_err(text)?;
        let held = self.inner.inbox.offer(files).await.map_err(text)?;
        Ok(wire::encode_held(held))
    }

    async fn serve_vote(&self, method: Method, body: Bytes) -> Result<Bytes, String> {
        let (wanted, request) = wire::decode_vote_request(body).map_err(text)?;
        self.inner.birth.admit(wanted)?;
        let raft = &self.inner.raft;
        let reply = match method {
            Method::PreVote => raft.pre_vote(request).await,
            _ => raft.vote(request).await,
        };
        Ok(wire::encode_vote_reply(&reply.map_err(text)?))
    }
}

#[allow(clippy::needless_pass_by_value, reason = "given to `map_err`")]
fn text(error: impl ToString) -> String {
    error.to_string()
}
