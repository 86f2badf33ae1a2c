//! What other members ask of this one: consensus, and leases if it leads.

use crate::leases::Leases;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use quorate_raft::{Consensus, Inbound, Method, leader_reply};
use std::sync::Arc;

/// The called end of a member.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) consensus: Consensus,
    pub(crate) leases: Arc<Leases>,
}

#[async_trait]
impl Inbound for Service {
    async fn call(&self, method: Method, body: Bytes) -> Result<Bytes, String> {
        match method {
            Method::LeaseKeepAlive | Method::LeaseTimeToLive => {
                Ok(leader_reply(self.leases.serve(&self.consensus, method, &body).await))
            }
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
