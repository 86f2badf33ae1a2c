//! Servers to talk to: ours in this process, and a stock etcd if this machine has one.

use quorate_client::etcd_client::Client;
use quorate_client::{EtcdStore, Options};
use quorate_etcd::{Listener, Server, ServerOptions};
use quorate_member::{Member, MemberOptions};
use quorate_seams::Seams;
use quorate_types::limits::MAX_TXN_OPS;
use quorate_types::{ClusterId, MemberId};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
/// Room for a request as large as the contract allows, its keys below a root and its wrapping.
const REQUEST_BYTES: usize = 4 << 20;

/// A cluster of one of ours.
pub(crate) struct Own {
    pub(crate) addr: SocketAddr,
    _server: Server,
    _member: Member,
    _dir: TempDir,
}

impl Own {
    pub(crate) async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let options = MemberOptions::new(ClusterId(7), MemberId(1), dir.path().join("m"), any);
        let seams = Seams::system();
        let member = Member::start(options, seams.clone()).await.unwrap();
        member.wait_ready(PATIENCE).await.unwrap();
        let listener = Listener::bind(any).await.unwrap();
        let addr = listener.local_addr();
        let mut options = ServerOptions::default();
        (options.max_txn_ops, options.max_request_bytes) = (MAX_TXN_OPS + 8, REQUEST_BYTES);
        let server = listener.serve(&member, seams.clock, options);
        Self { addr, _server: server, _member: member, _dir: dir }
    }
}

/// A stock etcd of one member; it ends with this value.
pub(crate) struct Stock {
    pub(crate) addr: SocketAddr,
    process: Child,
    _dir: TempDir,
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program: `ETCD` in the environment, or `etcd` on the path.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("ETCD") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("etcd")).find(|file| file.is_file())
}

fn unused() -> SocketAddr {
    quorate_seams::unused_loopback(1).unwrap()[0]
}

impl Stock {
    /// Starts one; `None`, with the reason on the output, if there is none.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = program() else {
            println!("SKIP: no stock etcd: install etcd-server, or name one in ETCD");
            return None;
        };
        let dir = TempDir::new().unwrap();
        let addr = unused();
        let (client, peer) = (format!("http://{addr}"), format!("http://{}", unused()));
        let process = Command::new(program)
            .args(["--name", "s", "--data-dir", dir.path().join("d").to_str().unwrap()])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("s={peer}")])
            .args(["--max-txn-ops", &(MAX_TXN_OPS + 8).to_string()])
            .args(["--max-request-bytes", &REQUEST_BYTES.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { addr, process, _dir: dir })
    }
}

/// Waits until the server there answers.
pub(crate) async fn ready(addr: SocketAddr) {
    drop(handle(addr, false).await);
}

/// A handle to the server there, once it answers.
pub(crate) async fn handle(addr: SocketAddr, campaign: bool) -> EtcdStore {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let options = Options {
            campaign,
            leader_ttl: Duration::from_secs(2),
            max_txn_ops: MAX_TXN_OPS,
            ..Options::default()
        };
        let client = Client::connect([format!("http://{addr}")], None).await.unwrap();
        match EtcdStore::new(client, options).await {
            Ok(store) => return store,
            Err(error) => assert!(tokio::time::Instant::now() < until, "{addr}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
