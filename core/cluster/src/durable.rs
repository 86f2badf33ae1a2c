//! A formation of members on disk, joined by Raft over loopback addresses.

use crate::Error;
use crate::formation::{Formation, RunningMember};
use crate::layout::{Identity, Layout};
use async_trait::async_trait;
use quorate_member::{Member, MemberOptions, Timing};
use quorate_seams::Seams;
use quorate_store::SharedStore;
use quorate_types::MemberId;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// etcd's port for traffic between members.
const PEER_PORT: u16 = 2380;

#[derive(Debug)]
pub(crate) struct Durable {
    identity: Identity,
    layout: Layout,
    timing: Timing,
    seams: Seams,
}

impl Durable {
    pub(crate) fn new(identity: Identity, layout: Layout, timing: Timing, seams: Seams) -> Self {
        Self { identity, layout, timing, seams }
    }

    fn address(&self, id: MemberId) -> SocketAddr {
        let number = u8::try_from(id.0.saturating_sub(1)).unwrap_or(u8::MAX);
        SocketAddr::from((self.identity.range().member_address(number), PEER_PORT))
    }
}

#[async_trait]
impl Formation for Durable {
    fn ids(&self) -> Vec<MemberId> {
        (1..=self.identity.members).map(MemberId).collect()
    }

    async fn start(&self, id: MemberId) -> Result<Arc<dyn RunningMember>, Error> {
        let peers: BTreeMap<MemberId, String> =
            self.ids().into_iter().map(|id| (id, self.address(id).to_string())).collect();
        let options =
            MemberOptions::new(self.identity.cluster, id, self.layout.member(id), self.address(id))
                .peers(peers)
                .timing(self.timing);
        let member = Member::start(options, self.seams.clone()).await;
        let member = member.map_err(|error| failed(id, &error))?;
        Ok(Arc::new(DurableMember(member)))
    }
}

fn failed(member: MemberId, error: &dyn std::error::Error) -> Error {
    Error::Member { member, reason: error.to_string() }
}

#[derive(Debug)]
struct DurableMember(Member);

#[async_trait]
impl RunningMember for DurableMember {
    fn store(&self) -> SharedStore {
        self.0.store()
    }

    async fn ready(&self, limit: Duration) -> Result<(), Error> {
        let ready = self.0.wait_ready(limit).await;
        ready.map(|_| ()).map_err(|error| failed(self.0.id(), &error))
    }

    async fn shut_down(&self) -> Result<(), Error> {
        self.0.shutdown().await.map_err(|error| failed(self.0.id(), &error))
    }

    async fn kill(&self) {
        self.0.kill().await;
    }
}
