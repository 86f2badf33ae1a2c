//! Bound sockets, and the connections that they accept.
//!
//! Invariants: a slow or silent handshake costs only itself and ends within [`HANDSHAKE`]; plain
//! connections reach a server only where an unencrypted URL names the address.

use super::{Caller, Socket, Url};
use crate::tls::ServerTls;
use futures::{Stream, StreamExt};
use quorate_seams::{SharedClock, spawn_detached, timeout};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, lookup_host};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// The longest that a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Accepted connections that wait for the server.
const BACKLOG: usize = 128;
/// Pause after a failure to accept, most often for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// First byte of every TLS connection.
const TLS_HANDSHAKE: u8 = 0x16;

/// An address cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {url}: {source}")]
pub struct ListenError {
    /// Which.
    pub url: Url,
    /// What the operating system says, or that there is no certificate.
    pub source: io::Error,
}

/// Which connections an address takes.
#[derive(Clone, Copy, Debug, Default)]
struct Takes {
    plain: bool,
    tls: bool,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Bound sockets that do not accept yet.
#[derive(Debug)]
pub struct Sockets {
    bound: Vec<(Bound, Takes)>,
    urls: Vec<Url>,
    addr: Option<SocketAddr>,
    tls: Option<Arc<ServerTls>>,
    mended: bool,
}

impl Sockets {
    /// Binds one socket for each address; an address with an encrypted and an unencrypted URL takes
    /// both kinds of connections. A Unix socket's file that exists is replaced.
    ///
    /// # Errors
    /// As the operating system says, or there is an encrypted URL and no certificate.
    pub async fn bind(urls: &[Url], tls: Option<ServerTls>) -> Result<Self, ListenError> {
        let mut addresses: BTreeMap<&str, (&Url, Takes)> = BTreeMap::new();
        let mut order = Vec::new();
        for url in urls {
            if url.is_secure() && tls.is_none() {
                let source = io::Error::other("it needs a certificate and a key");
                return Err(ListenError { url: url.clone(), source });
            }
            // Every socket on a free port is another one.
            let any = url.host_and_port().is_some_and(|(_, port)| port == 0);
            if any || !addresses.contains_key(url.address()) {
                order.push(url);
            }
            let (_, takes) = addresses.entry(url.address()).or_insert((url, Takes::default()));
            takes.plain |= !url.is_secure();
            takes.tls |= url.is_secure();
        }
        let (mut bound, mut told, mut first) = (Vec::new(), Vec::new(), None);
        for url in order {
            let takes = addresses.get(url.address()).map_or(Takes::default(), |found| found.1);
            let failed = |source| ListenError { url: url.clone(), source };
            let socket = bind(url).await.map_err(failed)?;
            let addr = match &socket {
                Bound::Tcp(listener) => Some(listener.local_addr().map_err(failed)?),
                Bound::Unix(..) => None,
            };
            told.push(addr.map_or_else(|| url.clone(), |addr| url.with_port(addr.port())));
            first = first.or(addr);
            bound.push((socket, takes));
        }
        Ok(Self { bound, urls: told, addr: first, tls: tls.map(Arc::new), mended: false })
    }

    /// Takes clients that send a whole URL where HTTP/2 wants a host, as `etcdctl` up to 3.4 does.
    #[must_use]
    pub fn for_old_clients(mut self) -> Self {
        self.mended = true;
        self
    }

    /// The addresses, with the ports that were taken.
    #[must_use]
    pub fn urls(&self) -> &[Url] {
        &self.urls
    }

    /// The first TCP address.
    #[must_use]
    pub fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// Begins to accept. Connections end when the sender of `alive` gives a signal or is dropped, and
    /// the sockets close then too, or when the stream is dropped; a receiver of `alive` is held until
    /// they are closed.
    pub fn accept(
        self,
        clock: SharedClock,
        alive: watch::Receiver<()>,
    ) -> impl Stream<Item = io::Result<Socket>> + use<> {
        let (accepted, connections) = mpsc::channel(BACKLOG);
        let mended = self.mended;
        for (bound, takes) in self.bound {
            let tls = self.tls.clone();
            let door = Door { takes, tls, clock: Arc::clone(&clock), alive: alive.clone() };
            drop(spawn_detached(door.run(bound, accepted.clone())));
        }
        ReceiverStream::new(connections).map(move |socket: io::Result<Socket>| match mended {
            true => socket.map(Socket::mended),
            false => socket,
        })
    }
}

async fn bind(url: &Url) -> io::Result<Bound> {
    if let Some(path) = url.path() {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        return Ok(Bound::Unix(UnixListener::bind(&path)?, path));
    }
    let (host, port) = url.host_and_port().ok_or(io::ErrorKind::InvalidInput)?;
    // As in Go, a name that has addresses of both kinds means the one of IPv4.
    let mut addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let first = addresses.first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
    TcpListener::bind(first).await.map(Bound::Tcp)
}

type Accepted = mpsc::Sender<io::Result<Socket>>;

/// What turns the connections of one address into sockets.
#[derive(Clone, Debug)]
struct Door {
    takes: Takes,
    tls: Option<Arc<ServerTls>>,
    clock: SharedClock,
    alive: watch::Receiver<()>,
}

impl Door {
    async fn run(self, bound: Bound, accepted: Accepted) {
        let mut alive = self.alive.clone();
        let accepting = self.accept(&bound, &accepted);
        tokio::select! {
            () = accepting => {}
            () = accepted.closed() => {}
            _ = alive.changed() => {}
        }
        if let Bound::Unix(_, path) = &bound
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::debug!(%error, path = %path.display(), "a socket's file was not removed");
        }
    }

    async fn accept(&self, bound: &Bound, accepted: &Accepted) {
        loop {
            let connection = match bound {
                Bound::Tcp(listener) => listener.accept().await.map(|(tcp, _)| Raw::Tcp(tcp)),
                Bound::Unix(listener, _) => {
                    listener.accept().await.map(|(unix, _)| Raw::Unix(unix))
                }
            };
            match connection {
                Ok(raw) if self.takes.tls => {
                    drop(spawn_detached(self.clone().shake(raw, accepted.clone())));
                }
                Ok(raw) => {
                    let socket = raw.plain(self.alive.clone());
                    drop(accepted.send(socket).await);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    self.clock.sleep(PAUSE).await;
                }
            }
        }
    }

    async fn shake(self, raw: Raw, accepted: Accepted) {
        let caller = raw.caller();
        let shaken = timeout(&*self.clock, HANDSHAKE, self.handshake(raw)).await;
        let error = match shaken {
            Some(Ok(socket)) => return drop(accepted.send(Ok(socket)).await),
            Some(Err(error)) => error,
            None => io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"),
        };
        let remote = caller.addr.map(|addr| addr.to_string()).unwrap_or_default();
        tracing::warn!(%remote, error = %crate::tls::words(&error), "rejected connection");
    }

    async fn handshake(&self, raw: Raw) -> io::Result<Socket> {
        let Some(tls) = &self.tls else { return raw.plain(self.alive.clone()) };
        if self.takes.plain && !raw.begins_tls().await? {
            return raw.plain(self.alive.clone());
        }
        let mut caller = raw.caller();
        let (stream, common_name) = match raw {
            Raw::Tcp(tcp) => {
                tcp.set_nodelay(true)?;
                tls.accept(tcp).await?
            }
            Raw::Unix(unix) => tls.accept(unix).await?,
        };
        caller.secure = true;
        caller.common_name = common_name;
        Ok(Socket::new(stream, caller, self.alive.clone()))
    }
}

/// A connection before anything was read from it.
enum Raw {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Raw {
    fn caller(&self) -> Caller {
        let addr = match self {
            Self::Tcp(tcp) => tcp.peer_addr().ok(),
            Self::Unix(_) => None,
        };
        Caller { addr, ..Caller::default() }
    }

    fn plain(self, alive: watch::Receiver<()>) -> io::Result<Socket> {
        let caller = self.caller();
        Ok(match self {
            Self::Tcp(tcp) => {
                tcp.set_nodelay(true)?;
                Socket::new(Box::new(tcp), caller, alive)
            }
            Self::Unix(unix) => Socket::new(Box::new(unix), caller, alive),
        })
    }

    async fn begins_tls(&self) -> io::Result<bool> {
        match self {
            Self::Tcp(tcp) => {
                let mut first = [0];
                tcp.peek(&mut first).await?;
                Ok(first[0] == TLS_HANDSHAKE)
            }
            Self::Unix(_) => Ok(true),
        }
    }
}
