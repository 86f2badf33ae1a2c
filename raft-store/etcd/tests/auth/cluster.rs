//! Members in this process that serve etcd's clients.

use quorate_etcd::{Listener, Server, ServerOptions};
use quorate_member::{Member, MemberOptions, Timing};
use quorate_seams::{Seams, unused_loopback};
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster whose clients are served.
pub(crate) struct Cluster {
    pub(crate) members: Vec<Member>,
    servers: Vec<Server>,
    pub(crate) endpoints: Vec<SocketAddr>,
    _dir: tempfile::TempDir,
}

/// Passwords are hashed as cheaply as possible.
pub(crate) fn cheap() -> ServerOptions {
    let mut options = ServerOptions::default();
    options.auth.bcrypt_cost = 4;
    options
}

impl Cluster {
    /// One member.
    pub(crate) async fn one() -> Self {
        Self::of(1, cheap(), Seams::system()).await
    }

    /// So many members.
    pub(crate) async fn of(count: usize, options: ServerOptions, seams: Seams) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let addresses = unused_loopback(count).unwrap();
        let peers: BTreeMap<MemberId, String> =
            (1..).map(MemberId).zip(addresses.iter().map(ToString::to_string)).collect();
        let mut cluster =
            Self { members: Vec::new(), servers: Vec::new(), endpoints: Vec::new(), _dir: dir };
        for (id, listen) in (1..).map(MemberId).zip(&addresses) {
            let data = cluster._dir.path().join(format!("member-{id}"));
            let log = quorate_log::Options { segment_bytes: 1 << 20, ..Default::default() };
            let start = MemberOptions::new(ClusterId(7), id, data, *listen)
                .peers(peers.clone())
                .timing(Timing::fast())
                .log(log);
            let member = Member::start(start, seams.clone()).await.unwrap();
            let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            cluster.endpoints.push(listener.local_addr());
            cluster.servers.push(listener.serve(&member, seams.clock.clone(), options.clone()));
            cluster.members.push(member);
        }
        for member in &cluster.members {
            member.wait_ready(PATIENCE).await.unwrap();
        }
        cluster
    }

    pub(crate) async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
        for member in self.members {
            member.shutdown().await.unwrap();
        }
    }
}
