//! Clients of the Service: they ask without pause and count who answered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CLIENTS: usize = 2;
const PAUSE: Duration = Duration::from_millis(5);
const LIMIT: Duration = Duration::from_secs(5);

/// What has been answered since the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) last_failure: Option<String>,
    pub(crate) pods: BTreeSet<String>,
    pub(crate) versions: BTreeMap<String, u64>,
}

pub(crate) struct Traffic {
    tally: Arc<Mutex<Tally>>,
    _clients: JoinSet<()>,
}

impl Traffic {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(ask(address, tally.clone()));
        }
        Self { tally, _clients: clients }
    }

    /// Takes what has been counted and begins anew.
    pub(crate) fn take(&self) -> Tally {
        std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What has been counted so far.
    pub(crate) fn peek(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[allow(clippy::disallowed_methods, reason = "clients outside the cluster have their own time")]
async fn ask(address: SocketAddr, tally: Arc<Mutex<Tally>>) {
    loop {
        let outcome = tokio::time::timeout(LIMIT, request(address)).await;
        let outcome = outcome.unwrap_or_else(|_| Err("no answer in 5 s".to_owned()));
        {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok((pod, version)) => {
                    tally.answered += 1;
                    tally.pods.insert(pod);
                    *tally.versions.entry(version).or_insert(0) += 1;
                }
                Err(error) => {
                    tally.failed += 1;
                    tally.last_failure = Some(error);
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One request on a connection of its own; a truncated answer is a failure.
async fn request(address: SocketAddr) -> Result<(String, String), String> {
    let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let mut stream = TcpStream::connect(address).await.map_err(|e| failed("connect", e))?;
    let text = "GET / HTTP/1.1\r\nhost: hello\r\nconnection: close\r\n\r\n";
    stream.write_all(text.as_bytes()).await.map_err(|e| failed("send", e))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(|e| failed("receive", e))?;
    let line = |name: &str| {
        let found = answer.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        found.ok_or_else(|| format!("answer without {name:?}: {answer:?}"))
    };
    if !answer.starts_with("HTTP/1.1 200 ") {
        return Err(format!("answer {answer:?}"));
    }
    Ok((line("pod: ")?, line("version: ")?))
}
