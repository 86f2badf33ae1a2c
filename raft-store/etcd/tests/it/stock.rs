//! A stock etcd beside ours, if this machine has one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tonic::transport::Channel;

/// A stock etcd of one member; it ends with this value.
pub(crate) struct Stock {
    pub(crate) addr: SocketAddr,
    pub(crate) channel: Channel,
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
pub(crate) fn program(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

fn unused() -> SocketAddr {
    quorate_seams::unused_loopback(1).unwrap()[0]
}

impl Stock {
    /// Starts one; `None`, with the reason on the output, if there is none.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = program("ETCD", "etcd") else {
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
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        crate::own::until("the stock etcd", || async {
            tokio::net::TcpStream::connect(addr).await.is_ok()
        })
        .await;
        let channel = crate::own::channel(addr).await;
        Some(Self { addr, channel, process, _dir: dir })
    }
}
