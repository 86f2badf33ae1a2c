//! A member of ours with its listener, and clients of it.

use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::{Listener, Server, ServerOptions};
use quorate_member::{Member, MemberOptions};
use quorate_seams::Seams;
use quorate_types::{ClusterId, MemberId};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster of one that serves.
pub(crate) struct Own {
    pub(crate) addr: SocketAddr,
    pub(crate) channel: Channel,
    pub(crate) member: Member,
    server: Server,
    _dir: TempDir,
}

impl Own {
    pub(crate) async fn start() -> Self {
        Self::with(ServerOptions::default(), |options| options).await
    }

    pub(crate) async fn with(
        services: ServerOptions,
        adapt: impl FnOnce(MemberOptions) -> MemberOptions,
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let options = MemberOptions::new(ClusterId(7), MemberId(1), dir.path().join("m"), any);
        let seams = Seams::system();
        let member = Member::start(adapt(options), seams.clone()).await.unwrap();
        member.wait_ready(PATIENCE).await.unwrap();
        let listener = Listener::bind(any).await.unwrap();
        let addr = listener.local_addr();
        let server = listener.serve(&member, seams.clock, services);
        let channel = channel(addr).await;
        Self { addr, channel, member, server, _dir: dir }
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.member.shutdown().await.unwrap();
    }

    pub(crate) fn kv(&self) -> pb::kv_client::KvClient<Channel> {
        pb::kv_client::KvClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    pub(crate) fn lease(&self) -> pb::lease_client::LeaseClient<Channel> {
        pb::lease_client::LeaseClient::new(self.channel.clone())
    }

    pub(crate) fn watch(&self) -> pb::watch_client::WatchClient<Channel> {
        pb::watch_client::WatchClient::new(self.channel.clone())
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> i64 {
        let put = pb::PutRequest {
            key: key.to_owned().into(),
            value: value.to_owned().into(),
            ..Default::default()
        };
        self.kv().put(put).await.unwrap().into_inner().header.unwrap().revision
    }

    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let range = prefixed(prefix);
        let found = self.kv().range(range).await.unwrap().into_inner();
        found.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect()
    }

    pub(crate) async fn grant(&self, id: i64, ttl: i64) -> i64 {
        self.lease().lease_grant(pb::LeaseGrantRequest { ttl, id }).await.unwrap().into_inner().id
    }
}

/// Everything with a prefix of letters.
pub(crate) fn prefixed(prefix: &str) -> pb::RangeRequest {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    pb::RangeRequest { key: prefix.to_owned().into(), range_end: end.into(), ..Default::default() }
}

pub(crate) async fn channel(addr: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap()
}

/// What a future gives, in time.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    let clock = Seams::system().clock;
    quorate_seams::timeout(&*clock, PATIENCE, future).await.expect("in time")
}

/// Asks again and again until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) {
    let clock = Seams::system().clock;
    let end = clock.now() + PATIENCE;
    while !ask().await {
        assert!(clock.now() < end, "{what} has not come to be");
        clock.sleep(Duration::from_millis(10)).await;
    }
}
