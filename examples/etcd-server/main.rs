//! quorate-etcd: a server that etcd's clients talk to.
//!
//! ```text
//! quorate-etcd --data-dir DIR --listen-client-urls http://127.0.0.1:2379 \
//!     [--name NAME --listen-peer-urls http://127.0.0.1:2380 \
//!      --initial-cluster NAME=http://127.0.0.1:2380,…] [--initial-cluster-token TOKEN]
//! ```
//!
//! Every member of a cluster is told the same `--initial-cluster` and token; ids follow from both.

use quorate_etcd::{Listener, Peer, ServerOptions};
use quorate_member::{Member, MemberOptions};
use quorate_seams::Seams;
use quorate_types::{ClusterId, MemberId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::signal::unix::{SignalKind, signal};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let flags = Flags::parse(std::env::args().skip(1))?;
    let (options, peers) = flags.member()?;
    let listen = address(flags.get("listen-client-urls", "http://127.0.0.1:2379"))?;
    let seams = Seams::system();
    let member = Member::start(options, seams.clone()).await?;
    let listener = Listener::bind(listen).await?;
    let addr = listener.local_addr();
    let mut services = ServerOptions::default();
    services.peers = peers;
    let server = listener.serve(&member, seams.clock, services);
    tracing::info!(%addr, "ready to serve client requests");
    let mut terminated = signal(SignalKind::terminate())?;
    let ended = tokio::select! {
        _ = terminated.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        ended = member.ended() => ended,
    };
    server.stop().await;
    if let Err(error) = ended {
        tracing::error!(%error, "the member cannot go on");
        member.kill().await;
        return Err(error.into());
    }
    member.shutdown().await?;
    Ok(())
}

/// The flags that are known, and what they were given.
struct Flags(BTreeMap<String, String>);

const KNOWN: [&str; 6] = [
    "data-dir",
    "name",
    "listen-client-urls",
    "listen-peer-urls",
    "initial-cluster",
    "initial-cluster-token",
];

impl Flags {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut flags = BTreeMap::new();
        while let Some(argument) = arguments.next() {
            let flag = argument.trim_start_matches('-');
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (flag.to_owned(), arguments.next()),
            };
            if !KNOWN.contains(&name.as_str()) {
                return Err(format!("flag --{name} is not known; known are {KNOWN:?}").into());
            }
            let value = value.ok_or_else(|| format!("flag --{name} has no value"))?;
            flags.insert(name, value);
        }
        Ok(Self(flags))
    }

    fn get<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    /// What the member is told, and what clients are told about all members.
    fn member(&self) -> Result<(MemberOptions, BTreeMap<MemberId, Peer>), Failure> {
        let name = self.get("name", "default");
        let listen = self.get("listen-peer-urls", "http://127.0.0.1:2380");
        let alone = format!("{name}={listen}");
        let cluster = self.get("initial-cluster", &alone);
        let token = self.get("initial-cluster-token", "etcd-cluster");
        let clients = self.get("listen-client-urls", "http://127.0.0.1:2379").to_owned();
        let mut peers = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        let mut own = None;
        for member in cluster.split(',') {
            let (peer, url) = member
                .split_once('=')
                .ok_or_else(|| format!("--initial-cluster: {member:?} is not NAME=URL"))?;
            let id = MemberId(hash(&[token, url]));
            let mut told = Peer { name: peer.to_owned(), ..Peer::default() };
            told.peer_urls = vec![url.to_owned()];
            if peer == name {
                own = Some(id);
                told.client_urls = clients.split(',').map(str::to_owned).collect();
            }
            addresses.insert(id, address(url)?.to_string());
            peers.insert(id, told);
        }
        let id = own.ok_or_else(|| format!("--initial-cluster does not name {name:?}: add it"))?;
        let data_dir = self.get("data-dir", "default.etcd");
        let cluster = ClusterId(hash(&[token, cluster]));
        let options = MemberOptions::new(cluster, id, data_dir, address(listen)?);
        Ok((options.peers(addresses), peers))
    }
}

/// The address in a URL; the first of several.
fn address(urls: &str) -> Result<SocketAddr, Failure> {
    let first = urls.split(',').next().unwrap_or_default();
    let host = first.strip_prefix("http://").unwrap_or(first).trim_end_matches('/');
    let host = host.replace("localhost", "127.0.0.1");
    host.parse().map_err(|error| format!("{first:?} is not http://IP:PORT: {error}").into())
}

/// FNV-1a: the same numbers on every machine and in every version. Never zero.
fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, step).max(1)
}
