//! What other members ask of this one: consensus, hashes, and leases if it leads.

use crate::integrity::serve_hash;
use crate::leases::Leases;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use quorate_mvcc::Mvcc;
use quorate_raft::{Consensus, Inbound, Method, leader_reply};
use std::sync::{Arc, Weak};

/// The called end of a member.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) consensus: Consensus,
    pub(crate) leases: Arc<Leases>,
    pub(crate) state: Weak<Mvcc>,
}

#[async_trait]
impl Inbound for Service {
    async fn call(&self, method: Method, body: Bytes) -> Result<Bytes, String> {
        match method {
            Method::LeaseKeepAlive | Method::LeaseTimeToLive => {
                Ok(leader_reply(self.leases.serve(&self.consensus, method, &body).await))
            }
            Method::HashKv => serve_hash(&self.consensus, &self.state, &body).await,
            other => self.consensus.call(other, body).await,
        }
    }

    fn append(
        &self,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, String>> {
        self.consensus.append(requests)
    }

    async fn snapshot(
        &self,
        frames: BoxStream<'static, Result<Bytes, String>>,
    ) -> Result<Bytes, String> {
        self.consensus.snapshot(frames).await
    }
}
