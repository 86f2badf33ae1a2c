//! Our server in this process.

use crate::client::Client;
use quorate_etcd::snapshot::{Imported, SnapshotFile, import};
use quorate_etcd::{Listener, Server, ServerOptions};
use quorate_member::{ClusterMember, Member, MemberOptions, Restore, Role};
use quorate_seams::Seams;
use quorate_types::{ClusterId, MemberId};
use std::net::SocketAddr;
use std::path::Path;

const CLUSTER: ClusterId = ClusterId(70);
const ID: MemberId = MemberId(7);

pub(crate) struct Ours {
    pub(crate) member: Member,
    server: Server,
    pub(crate) addr: SocketAddr,
}

impl Ours {
    /// Starts it in a directory, new or imported.
    pub(crate) async fn start(dir: &Path) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let options = MemberOptions::new(CLUSTER, ID, dir, listen);
        let member = Member::start(options, Seams::system()).await.unwrap();
        member.wait_ready(crate::client::PATIENCE).await.unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = listener.local_addr();
        let server = listener.serve(&member, Seams::system().clock, ServerOptions::default());
        Self { member, server, addr }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.addr).await
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.member.shutdown().await.unwrap();
    }
}

/// Makes a directory for our server from an etcd's data.
pub(crate) async fn imported(
    from: SnapshotFile,
    dir: &Path,
) -> Result<Imported, quorate_member::Error> {
    let addr = "127.0.0.1:1".to_owned();
    let members = vec![ClusterMember::new(ID, addr, Role::Voter)];
    let to = Restore { cluster: CLUSTER, id: ID, members, log: Default::default() };
    import(from, dir, to, Seams::system()).await
}
