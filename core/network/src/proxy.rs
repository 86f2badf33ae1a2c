//! The layer-4 proxy: accepts at a Service's address, passes on to a ready pod.

use crate::backend::{Backends, Connection};
use crate::table::ServiceTable;
use quorate_reconcile::Cache;
use quorate_seams::{Seams, Task, TaskSet, spawn, timeout};
use quorate_types::Revision;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How the proxy works.
#[derive(Clone, Copy, Debug)]
pub struct ProxyOptions {
    /// Time for a pod to accept a connection before another is tried; 1 s by default.
    pub connect_timeout: Duration,
    /// Time between attempts to listen on an address that is in use; 1 s by default.
    pub bind_retry: Duration,
    /// Bytes of the buffer of each direction of a connection; 16 KiB by default.
    pub buffer_bytes: usize,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            bind_retry: Duration::from_secs(1),
            buffer_bytes: 16 * 1024,
        }
    }
}

/// What the proxy has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyStats {
    /// Connections passed on to a pod.
    pub forwarded: u64,
    /// Connections closed because no pod took them.
    pub refused: u64,
    /// Attempts that another pod had to take over.
    pub retried: u64,
}

#[derive(Debug, Default)]
struct Counters {
    forwarded: AtomicU64,
    refused: AtomicU64,
    retried: AtomicU64,
}

/// The running proxy of one machine; dropping it closes every listener and connection.
#[derive(Debug)]
pub struct Proxy {
    counters: Arc<Counters>,
    _follower: Task<()>,
}

impl Proxy {
    /// Serves every Service in the cache, following changes.
    #[must_use]
    pub fn start(cache: Arc<Cache>, seams: Seams, options: ProxyOptions) -> Self {
        let counters = Arc::new(Counters::default());
        let shared = Shared { seams, options, counters: counters.clone() };
        Self { counters, _follower: spawn(follow(cache, Arc::new(shared))) }
    }

    /// What it has done since it started.
    #[must_use]
    pub fn stats(&self) -> ProxyStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProxyStats {
            forwarded: read(&self.counters.forwarded),
            refused: read(&self.counters.refused),
            retried: read(&self.counters.retried),
        }
    }
}

#[derive(Debug)]
struct Shared {
    seams: Seams,
    options: ProxyOptions,
    counters: Arc<Counters>,
}

struct Listener {
    backends: Arc<Backends>,
    _accepting: Task<()>,
}

/// Keeps the listeners as the table says. A listener that goes away stops accepting; its connections
/// belong to the set and drain.
async fn follow(cache: Arc<Cache>, shared: Arc<Shared>) {
    let connections = Arc::new(TaskSet::new());
    let mut listeners: BTreeMap<SocketAddr, Listener> = BTreeMap::new();
    let mut table = ServiceTable::default();
    let mut seen = Revision::NONE;
    loop {
        let snapshot = cache.wait_for(seen.next()).await;
        seen = snapshot.revision();
        let next = ServiceTable::read(&snapshot);
        if next == table {
            continue;
        }
        table = next;
        listeners.retain(|address, _| table.listeners.contains_key(address));
        for (address, wanted) in &table.listeners {
            let listener = listeners.entry(*address).or_insert_with(|| {
                let backends = Arc::new(Backends::default());
                let accepting =
                    accept(*address, backends.clone(), shared.clone(), connections.clone());
                Listener { backends, _accepting: spawn(accepting) }
            });
            listener.backends.replace(wanted);
        }
    }
}

async fn accept(
    address: SocketAddr,
    backends: Arc<Backends>,
    shared: Arc<Shared>,
    connections: Arc<TaskSet>,
) {
    let listener = bind(address, &shared).await;
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                connections.spawn(serve(client, backends.clone(), shared.clone()));
            }
            Err(error) => {
                // Out of descriptors, or a client that left before it was accepted.
                tracing::warn!(%address, %error, "service connection not accepted");
                shared.seams.clock.sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn bind(address: SocketAddr, shared: &Shared) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => {
                tracing::warn!(%address, %error, "service address cannot be used yet");
                shared.seams.clock.sleep(shared.options.bind_retry).await;
            }
        }
    }
}

/// One connection. Nothing has been sent while a pod is looked for, so that trying another is safe.
async fn serve(mut client: TcpStream, backends: Arc<Backends>, shared: Arc<Shared>) {
    let Some((mut pod, _counted)) = connect(&backends, &shared).await else {
        shared.counters.refused.fetch_add(1, Ordering::Relaxed);
        return;
    };
    shared.counters.forwarded.fetch_add(1, Ordering::Relaxed);
    let size = shared.options.buffer_bytes;
    for stream in [&client, &pod] {
        // Small answers must not wait for more; a socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
    }
    // Either side may reset its connection at any time: that ends it, and is nobody's error here.
    let _ = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut pod, size, size).await;
}

async fn connect(backends: &Arc<Backends>, shared: &Shared) -> Option<(TcpStream, Connection)> {
    let clock = &shared.seams.clock;
    let mut tried = Vec::new();
    loop {
        let random = shared.seams.random.next_u64();
        let chosen = backends.choose(random, clock.now(), &tried)?;
        let attempt = TcpStream::connect(chosen.address);
        match timeout(&**clock, shared.options.connect_timeout, attempt).await {
            Some(Ok(pod)) => return Some((pod, chosen)),
            Some(Err(_)) | None => {
                backends.eject(chosen.address, clock.now());
                shared.counters.retried.fetch_add(1, Ordering::Relaxed);
                tried.push(chosen.address);
            }
        }
    }
}
