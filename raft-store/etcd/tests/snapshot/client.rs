//! What is asked of a server, ours or a real one.

use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::proto::mvccpb::KeyValue;
use quorate_seams::{SystemClock, timeout};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::Code;
use tonic::transport::Channel;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) auth: pb::auth_client::AuthClient<Channel>,
    pub(crate) kv: pb::kv_client::KvClient<Channel>,
    pub(crate) lease: pb::lease_client::LeaseClient<Channel>,
    pub(crate) maintenance: pb::maintenance_client::MaintenanceClient<Channel>,
}

impl Client {
    /// Waits until the server answers.
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let endpoint = Channel::from_shared(format!("http://{addr}")).unwrap();
        let channel = endpoint.connect_lazy();
        let client = Self {
            auth: pb::auth_client::AuthClient::new(channel.clone()),
            kv: pb::kv_client::KvClient::new(channel.clone()),
            lease: pb::lease_client::LeaseClient::new(channel.clone()),
            maintenance: pb::maintenance_client::MaintenanceClient::new(channel),
        };
        let clock = SystemClock::shared();
        let answers = async {
            let one = pb::RangeRequest { limit: 1, keys_only: true, ..everything() };
            let waits = |code| matches!(code, Code::Unavailable | Code::Unknown);
            while let Err(refused) = client.clone().kv.range(one.clone()).await
                && waits(refused.code())
            {
                clock.sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(timeout(&*clock, PATIENCE, answers).await.is_some(), "no server at {addr}");
        client
    }

    /// The hash up to a revision, the compaction, and the server's revision.
    pub(crate) async fn hash(&mut self, revision: i64) -> (u32, i64, i64) {
        let hash = self.maintenance.hash_kv(pb::HashKvRequest { revision }).await.unwrap();
        let hash = hash.into_inner();
        (hash.hash, hash.compact_revision, hash.header.unwrap().revision)
    }

    pub(crate) async fn everything(&mut self) -> Vec<KeyValue> {
        self.kv.range(everything()).await.unwrap().into_inner().kvs
    }

    /// Every lease with the time it was granted, and its keys.
    pub(crate) async fn leases(&mut self) -> BTreeMap<i64, (i64, Vec<Vec<u8>>)> {
        let leases = self.lease.lease_leases(pb::LeaseLeasesRequest {}).await.unwrap();
        let mut all = BTreeMap::new();
        for lease in leases.into_inner().leases {
            let request = pb::LeaseTimeToLiveRequest { id: lease.id, keys: true };
            let found = self.lease.lease_time_to_live(request).await.unwrap().into_inner();
            let mut keys: Vec<_> = found.keys.iter().map(|key| key.to_vec()).collect();
            keys.sort();
            all.insert(lease.id, (found.granted_ttl, keys));
        }
        all
    }
}

fn everything() -> pb::RangeRequest {
    let zero = bytes::Bytes::from_static(b"\0");
    pb::RangeRequest { key: zero.clone(), range_end: zero, ..pb::RangeRequest::default() }
}

/// Compares two servers: every hash since the compaction, every key, every lease.
pub(crate) async fn assert_equal(one: &mut Client, other: &mut Client) {
    let (_, compacted, revision) = one.hash(0).await;
    for at in compacted.max(0) + 1..=revision {
        assert_eq!(one.hash(at).await, other.hash(at).await, "revision {at}");
    }
    assert_eq!(one.hash(0).await, other.hash(0).await);
    assert_eq!(one.everything().await, other.everything().await);
    assert_eq!(one.leases().await, other.leases().await);
}
