//! openraft's network over [`Transport`].

use crate::book::Book;
use crate::machine::SnapshotData;
use crate::scratch::Scratch;
use crate::snapshot::{Outgoing, Sums, Traffic};
use crate::storage::from_log;
use crate::transport::{CallError, Lane, Method, Peer, Transport};
use crate::types::{LogId, Node, Snapshot, TypeConfig, Vote};
use crate::wire::{self, Envelope};
use crate::witness::{Extent, Witness};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt, future::BoxFuture};
use openraft::OptionalSend;
use openraft::error::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use quorate_log::RaftLog;
use quorate_seams::{bug, spawn_blocking};
use quorate_types::MemberId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Makes connections to other members.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) scratch: Scratch,
    pub(crate) book: Arc<Book>,
    pub(crate) sums: Sums,
    pub(crate) traffic: Traffic,
    pub(crate) witness: Arc<Witness>,
    /// This member's log; to be looked at only.
    pub(crate) log: RaftLog,
    /// How long the other end may take to say what it has of a snapshot.
    pub(crate) patience: Duration,
}

impl Network {
    fn link(&self, target: u64, node: &Node, lane: Lane) -> Link {
        Link { network: self.clone(), target, node: node.clone(), lane }
    }

    /// Whether a request stands for entries that have been purged here. openraft sends what it finds of
    /// a range, which may be nothing, and it may take up again a range that it gave up before: then it
    /// would send nothing for ever and look at no newer order.
    fn lacks(&self, request: &AppendEntriesRequest<TypeConfig>) -> bool {
        let next = request.prev_log_id.map_or(0, |prev| prev.index + 1);
        let purged = || self.log.state().purged.map(|id| id.index.0);
        request.entries.is_empty()
            && purged().is_some_and(|purged| next <= purged)
            && !bug("raft-sends-nothing-for-ever")
    }

    /// What goes with an append request for a log of some birth.
    fn envelope(&self, birth: u64) -> Envelope {
        Envelope { birth, from: self.log.birth(), durable: self.log.durable().map(from_log) }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &Node) -> Link {
        self.link(target, node, Lane::Append)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &Node) -> Link {
        self.link(target, node, Lane::Control)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &Node) -> Link {
        self.link(target, node, Lane::Snapshot)
    }
}

/// The way to one member over one lane.
#[derive(Debug)]
pub(crate) struct Link {
    network: Network,
    target: u64,
    /// As it was when the link was made.
    node: Node,
    lane: Lane,
}

type Rpc<T> = Result<T, RPCError<TypeConfig>>;

impl Link {
    fn peer(&self, lane: Lane) -> Peer {
        let addr = self.network.book.find(self.target, &self.node).addr;
        Peer { id: MemberId(self.target), addr, lane }
    }

    /// The birth of the log that the membership knows there; everything sent is for it alone.
    fn birth(&self) -> u64 {
        self.network.book.find(self.target, &self.node).birth
    }

    async fn call(&self, method: Method, body: Bytes, option: &RPCOption) -> Rpc<Bytes> {
        let peer = self.peer(Lane::Control);
        let call = self.network.transport.call(&peer, method, body, option.soft_ttl());
        call.await.map_err(|error| rpc_error(&error))
    }
}

impl Link {
    /// Sends what the other end does not have.
    async fn send_snapshot(&self, outgoing: Outgoing) -> Result<Bytes, CallError> {
        let Network { transport, traffic, patience, .. } = &self.network;
        let peer = self.peer(self.lane);
        let offer = wire::encode_offer(outgoing.files());
        let held = transport.call(&peer, Method::OfferSnapshot, offer, *patience).await;
        let held = match held {
            Ok(held) => wire::decode_held(held).unwrap_or_default(),
            // An older member does not know the question: it gets everything.
            Err(CallError::Refused { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        transport.snapshot(&peer, outgoing.without(&held).frames(traffic)).await
    }
}

fn rpc_error(error: &CallError) -> RPCError<TypeConfig> {
    match error {
        CallError::Lost { .. } => RPCError::Network(NetworkError::new(error)),
        _ => RPCError::Unreachable(Unreachable::new(error)),
    }
}

/// Ends a stream of requests that stand for purged entries; openraft decides anew what to send.
fn purged() -> NetworkError<TypeConfig> {
    NetworkError::from_string("the entries to send have been purged")
}

fn wire_error(error: &wire::WireError) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::new(error))
}

/// Sends one append request by itself and gives the reply in its stream form.
async fn append_alone(
    link: &Link,
    request: AppendEntriesRequest<TypeConfig>,
    option: &RPCOption,
) -> Rpc<StreamAppendResult<TypeConfig>> {
    let birth = link.birth();
    let body = wire::encode_append(&request, &link.network.envelope(birth));
    let reply = link.call(Method::Append, body, option).await?;
    let reply = wire::decode_append_reply(reply).map_err(|error| wire_error(&error))?;
    note_follower(&link.network.witness, link.target, birth, &request.vote, &reply);
    Ok(reply)
}

/// Notes what a follower has acknowledged to the leader with this vote.
fn note_follower(
    witness: &Witness,
    target: u64,
    birth: u64,
    vote: &Vote,
    reply: &StreamAppendResult<TypeConfig>,
) {
    if let Ok(last @ Some(_)) = reply {
        witness.note(target, birth, Extent { term: vote.leader_id.term, last: *last });
    }
}

impl RaftNetworkV2<TypeConfig> for Link {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<TypeConfig>> {
        let last: Option<LogId> =
            request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id);
        let reply = append_alone(self, request, &option).await?;
        Ok(match reply {
            Ok(matching) if matching != last => AppendEntriesResponse::PartialSuccess(matching),
            reply => reply.into(),
        })
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Rpc<BoxStream<'s, Rpc<StreamAppendResult<TypeConfig>>>>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        if self.lane == Lane::Control {
            let link = &*self;
            let replies = input.then(move |request| {
                let option = option.clone();
                async move { append_alone(link, request, &option).await }
            });
            return std::future::ready(Ok(replies.boxed())).boxed();
        }
        let (network, target, node) = (self.network.clone(), self.target, self.node.clone());
        // Every request of a stream is of one leader, and for one log.
        let sent = Arc::new(OnceLock::new());
        let noted = Arc::clone(&sent);
        let encode = move |request: AppendEntriesRequest<TypeConfig>| {
            let birth = network.book.find(target, &node).birth;
            sent.get_or_init(|| (birth, request.vote));
            wire::encode_append(&request, &network.envelope(birth))
        };
        let (network, gone) = (self.network.clone(), Arc::new(AtomicBool::new(false)));
        let noticed = Arc::clone(&gone);
        let there = move |request: &AppendEntriesRequest<TypeConfig>| {
            let lacking = network.lacks(request);
            noticed.store(lacking, Ordering::Release);
            std::future::ready(!lacking)
        };
        let requests = input.take_while(there).map(encode).boxed();
        async move {
            let replies = self.network.transport.append(&self.peer(self.lane), requests).await;
            let replies = replies.map_err(|error| rpc_error(&error))?;
            let witness = &self.network.witness;
            let decoded = replies.map(move |reply| {
                let reply = reply.map_err(|error| rpc_error(&error))?;
                let reply = wire::decode_append_reply(reply).map_err(|error| wire_error(&error))?;
                if let Some((birth, vote)) = noted.get() {
                    note_follower(witness, target, *birth, vote, &reply);
                }
                Ok(reply)
            });
            let end = futures::stream::iter([()]).filter_map(move |()| {
                let error = gone.load(Ordering::Acquire).then(|| RPCError::Network(purged()));
                std::future::ready(error.map(Err))
            });
            Ok(decoded.chain(end).boxed())
        }
        .boxed()
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<VoteResponse<TypeConfig>> {
        let birth = self.birth();
        let body = wire::encode_vote_request(&request, birth);
        let reply = self.call(Method::Vote, body, &option).await?;
        let reply = wire::decode_vote_reply(reply).map_err(|error| wire_error(&error))?;
        if reply.vote_granted {
            let voted = Extent { term: request.vote.leader_id.term, last: None };
            self.network.witness.note(self.target, birth, voted);
        }
        Ok(reply)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<VoteResponse<TypeConfig>> {
        let body = wire::encode_vote_request(&request, self.birth());
        let reply = self.call(Method::PreVote, body, &option).await?;
        wire::decode_vote_reply(reply).map_err(|error| wire_error(&error))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let SnapshotData::Live(state) = snapshot.snapshot else {
            let reason = NetworkError::from_string("only the live state is ever sent");
            return Err(StreamingError::Network(reason));
        };
        let (scratch, sums) = (self.network.scratch.clone(), self.network.sums.clone());
        let birth = self.birth();
        let copy = move || Outgoing::copy(&state, &scratch, &sums, vote, birth);
        let outgoing = spawn_blocking(copy)
            .await
            .ok_or_else(|| NetworkError::from_string("copying the state panicked"))?
            .map_err(|error| Unreachable::new(&error))?;
        let reply = tokio::select! {
            biased;
            reply = self.send_snapshot(outgoing) => reply.map_err(|error| rpc_error(&error))?,
            closed = cancel => return Err(StreamingError::Closed(closed)),
        };
        let vote = wire::decode_vote(reply).map_err(|error| wire_error(&error))?;
        self.network.traffic.sent();
        Ok(SnapshotResponse::new(vote))
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<TransferLeaderResponse<TypeConfig>> {
        let body = wire::encode_transfer(&request);
        let reply = self.call(Method::TransferLeader, body, &option).await?;
        wire::decode_transfer_reply(reply).map_err(|error| wire_error(&error))
    }
}
