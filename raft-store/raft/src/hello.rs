//! What members ask each other before anything else: what they are, and what they have seen of the one
//! that asks.
//!
//! Place: behind [`Method::Hello`]; used when a cluster forms, when births are recorded and when a
//! member starts. Whoever does not answer in time is left out: nobody waits for a dead member.

use crate::consensus::Inner;
use crate::transport::{Lane, Method, Peer, Transport};
use crate::wire::{self, Hello, Question};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use quorate_types::MemberId;
use std::time::Duration;

/// Asks members; gives the answers of those that answer in time.
pub(crate) async fn ask(
    transport: &dyn Transport,
    question: &Question,
    members: Vec<(MemberId, String)>,
    limit: Duration,
) -> Vec<(u64, Hello)> {
    let body = wire::encode_question(question);
    let ask = |(id, addr): (MemberId, String)| {
        let body = body.clone();
        async move {
            let peer = Peer { id, addr, lane: Lane::Control };
            let reply = transport.call(&peer, Method::Hello, body, limit).await;
            Some((id.0, wire::decode_hello(reply.ok()?).ok()?))
        }
    };
    let asked: FuturesUnordered<_> = members.into_iter().map(ask).collect();
    asked.filter_map(std::future::ready).collect().await
}

impl Inner {
    /// What this member says of itself, and of the one that asks.
    pub(crate) async fn hello(&self, question: Bytes) -> Result<Bytes, String> {
        let question = wire::decode_question(question).map_err(|error| error.to_string())?;
        let seen = self.witness.of(question.member, question.birth);
        let initialized = self.raft.is_initialized().await.map_err(|error| error.to_string())?;
        Ok(wire::encode_hello(&Hello::new(self.birth.own(), initialized, seen)))
    }

    /// Asks members what they are.
    pub(crate) async fn ask_hello(&self, members: Vec<(MemberId, String)>) -> Vec<(u64, Hello)> {
        let limit = self.options.timing.election_min;
        ask(&*self.transport, &Question::default(), members, limit).await
    }
}
