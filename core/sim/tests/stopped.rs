//! A member that has stopped answers at once: time that does not pass shows whoever waits by spinning.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use quorate_log::{Identity, RaftLog};
use quorate_member::{Core, Timing};
use quorate_mvcc::{MemoryDb, Mvcc};
use quorate_raft::{CallError, Method, Options, Parts, Peer, Retention, Transport};
use quorate_seams::{Host, Seams, SimDisk, World};
use quorate_store::{RangeRequest, Store, Txn};
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A network without anyone in it.
#[derive(Debug)]
struct Nobody;

fn refused(to: &Peer) -> CallError {
    CallError::NotSent { peer: to.to_string(), reason: "nobody is there".to_owned() }
}

#[async_trait]
impl Transport for Nobody {
    async fn call(&self, to: &Peer, _: Method, _: Bytes, _: Duration) -> Result<Bytes, CallError> {
        Err(refused(to))
    }

    async fn append(
        &self,
        to: &Peer,
        _: BoxStream<'static, Bytes>,
    ) -> Result<BoxStream<'static, Result<Bytes, CallError>>, CallError> {
        Err(refused(to))
    }

    async fn snapshot(&self, to: &Peer, _: BoxStream<'static, Bytes>) -> Result<Bytes, CallError> {
        Err(refused(to))
    }
}

async fn start(world: &World, scratch: &Path) -> Result<Core, Box<dyn std::error::Error>> {
    let (cluster, id) = (ClusterId(1), MemberId(1));
    let disk = SimDisk::new();
    let identity = Identity { cluster, member: id };
    let log = RaftLog::open(disk.shared(), Path::new("/log"), identity, Default::default())?;
    let state = Mvcc::open(Arc::new(MemoryDb::new()), Default::default())?;
    let clock = world.clock(Host::HARNESS);
    let seams = Seams { clock, random: world.random("member"), disk: disk.shared() };
    let options = Options {
        form: true,
        cluster,
        id,
        peers: BTreeMap::from([(id, "member-1:1".to_owned())]),
        timing: Timing::fast(),
        request_timeout: Duration::from_secs(5),
        snapshot_after: 100,
        keep_entries: 100,
        retention: Retention::default(),
        scratch: scratch.to_owned(),
    };
    let parts = Parts { log, state, transport: Arc::new(Nobody), seams };
    Ok(Core::start(options, parts).await?)
}

#[test]
fn requests_to_a_stopped_member_fail_and_do_not_spin() {
    let scratch = tempfile::tempdir().unwrap();
    let world = World::new(1);
    world.control().set_budget(1_000_000);
    let ran = world.block_on(async {
        let core = start(&world, scratch.path()).await.unwrap();
        core.txn(Txn::put("a", "b")).await.unwrap();
        core.stop().await;
        assert!(core.range(RangeRequest::key("a")).await.is_err());
        assert!(core.txn(Txn::put("a", "c")).await.is_err());
        assert!(core.leases().await.is_err());
    });
    assert_eq!(ran, Ok(()));
}
