//! Real etcds and their tools.

use crate::client::Client;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// An installed etcd.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    server: PathBuf,
    pub(crate) version: String,
}

/// Name and password.
pub(crate) type Login<'a> = (&'a str, &'a str);

/// Every etcd that is installed; says SKIP if there is none.
pub(crate) fn peers(test: &str) -> Vec<Peer> {
    let named = std::env::var("ETCD_BIN").ok().map(PathBuf::from);
    let mut peers: Vec<Peer> = Vec::new();
    for server in named.into_iter().chain([PathBuf::from("etcd")]) {
        let Some(version) = version(&server) else { continue };
        if peers.iter().all(|known| known.version != version) {
            peers.push(Peer { server, version });
        }
    }
    if peers.is_empty() {
        println!("SKIP {test}: no etcd with etcdctl in the path or at ETCD_BIN");
    }
    peers
}

fn version(server: &Path) -> Option<String> {
    let output = Command::new(server).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().next()?.strip_prefix("etcd Version: ")?.to_owned();
    Command::new(server.with_file_name("etcdctl")).arg("version").output().ok()?;
    Some(version)
}

impl Peer {
    fn beside(&self, name: &str) -> Command {
        let mut command = Command::new(self.server.with_file_name(name));
        command.env("ETCDCTL_API", "3");
        command
    }

    /// The tool for files: a program of its own since 3.5.
    fn tool(&self) -> Command {
        match self.beside("etcdutl").arg("version").output() {
            Ok(_) => self.beside("etcdutl"),
            Err(_) => self.beside("etcdctl"),
        }
    }

    /// `snapshot save`.
    pub(crate) fn save(&self, from: SocketAddr, file: &Path) {
        self.save_as(None, from, file);
    }

    /// `snapshot save` by a user.
    pub(crate) fn save_as(&self, login: Option<Login<'_>>, from: SocketAddr, file: &Path) {
        let mut save = self.beside("etcdctl");
        if let Some((name, password)) = login {
            save.arg(format!("--user={name}:{password}"));
        }
        save.arg(format!("--endpoints={from}")).args(["snapshot", "save"]).arg(file);
        succeeded(save.output().unwrap());
    }

    /// `snapshot status`: hash, revision, keys, bytes.
    pub(crate) fn status(&self, file: &Path) -> [u64; 4] {
        let mut status = self.tool();
        status.args(["snapshot", "status"]).arg(file).args(["-w", "json"]);
        let output = succeeded(status.output().unwrap());
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let field = |name: &str| json[name].as_u64().unwrap_or_else(|| panic!("{name}: {json}"));
        [field("hash"), field("revision"), field("totalKey"), field("totalSize")]
    }

    /// `snapshot restore`.
    pub(crate) fn restore(&self, file: &Path, dir: &Path) {
        let mut restore = self.tool();
        restore.args(["snapshot", "restore"]).arg(file).arg("--data-dir").arg(dir);
        succeeded(restore.output().unwrap());
    }

    /// A server on a data directory, new or old, that answers.
    pub(crate) async fn start(&self, dir: &Path, flags: &[&str]) -> Etcd {
        let unused = quorate_seams::unused_loopback(2).unwrap();
        let (addr, peer) = (unused[0], format!("http://{}", unused[1]));
        let client = format!("http://{addr}");
        let child = Command::new(&self.server)
            .arg("--data-dir")
            .arg(dir)
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let etcd = Etcd { child, addr };
        Client::connect(addr).await;
        etcd
    }
}

/// A running etcd.
pub(crate) struct Etcd {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Etcd {
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.addr).await
    }

    /// Ends it as an operator would.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        succeeded(Command::new("kill").args(["-TERM", &pid]).output().unwrap());
        self.child.wait().unwrap();
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(self) {}
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // One that was stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn succeeded(output: Output) -> Output {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{}", told.0, told.1);
    output
}
