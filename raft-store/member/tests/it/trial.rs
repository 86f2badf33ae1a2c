//! A cluster of processes under writes, and a ledger of what its clients were told.
//!
//! Members are killed, restarted and given bad disks meanwhile; [`Trial::verify`] then holds the
//! cluster to what it has acknowledged.

use crate::cluster::{eventually, free_addresses};
use crate::process::{Answer, Process, Tuning};
use quorate_seams::{Task, spawn};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// What the writers know.
#[derive(Default)]
struct Ledger {
    /// Acknowledged writes: key and the revision it was told.
    acknowledged: Mutex<Vec<(String, i64)>>,
    unknown: AtomicU64,
    /// Writes of which a member said that they have not happened.
    refused: Mutex<Vec<String>>,
    enough: AtomicBool,
}

/// Members are counted from zero here, their ids from one.
pub(crate) struct Trial {
    pub(crate) root: PathBuf,
    addresses: Vec<SocketAddr>,
    members: Vec<RwLock<Arc<Process>>>,
    ledger: Ledger,
}

impl Trial {
    /// A ready cluster of so many processes.
    pub(crate) async fn begin(root: &Path, count: usize, tuning: &Tuning) -> Arc<Self> {
        let addresses = free_addresses(count);
        let process = |id| Process::start(root, id, &addresses, tuning);
        let members = (1..).take(count).map(|id| RwLock::new(Arc::new(process(id)))).collect();
        let ledger = Ledger::default();
        let trial = Self { root: root.to_owned(), addresses: addresses.clone(), members, ledger };
        trial.member(0).must("ready").await;
        Arc::new(trial)
    }

    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn member(&self, at: usize) -> Arc<Process> {
        Arc::clone(&self.members[at % self.count()].read().unwrap())
    }

    /// Starts a member that does not run.
    pub(crate) fn start(&self, at: usize, tuning: &Tuning) -> Arc<Process> {
        let id = u64::try_from(at).unwrap() + 1;
        let process = Arc::new(Process::start(&self.root, id, &self.addresses, tuning));
        *self.members[at].write().unwrap() = Arc::clone(&process);
        process
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.ledger.acknowledged.lock().unwrap().len()
    }

    /// Acknowledged, unknown and refused writes, in words.
    pub(crate) fn tally(&self) -> String {
        let unknown = self.ledger.unknown.load(Ordering::Relaxed);
        let refused = self.ledger.refused.lock().unwrap().len();
        format!("{} acknowledged, {unknown} unknown, {refused} refused", self.acknowledged())
    }

    /// Writers that go on until [`Trial::rest`]; values have about so many bytes.
    pub(crate) fn write_from(self: &Arc<Self>, writers: usize, bytes: usize) -> Vec<Task<()>> {
        let write = |writer| {
            let trial = Arc::clone(self);
            spawn(async move { trial.write(writer, bytes).await })
        };
        (0..writers).map(write).collect()
    }

    async fn write(&self, writer: usize, bytes: usize) {
        let mut count = 0_usize;
        while !self.ledger.enough.load(Ordering::Relaxed) {
            let key = format!("w{writer}/{count}");
            let padding = "x".repeat(count * 7919 % (bytes * 2));
            let put = format!("put {key} {count}.{padding}");
            match self.member(writer + count).ask(&put).await {
                Answer::Done(revision) => {
                    let revision = revision.parse().unwrap();
                    self.ledger.acknowledged.lock().unwrap().push((key, revision));
                }
                Answer::Unknown => drop(self.ledger.unknown.fetch_add(1, Ordering::Relaxed)),
                Answer::Refused(_) => self.ledger.refused.lock().unwrap().push(key),
            }
            count += 1;
            if self.count() == 1 {
                // Alone, a dead member refuses as fast as it is asked.
                quorate_seams::SystemClock::shared()
                    .sleep(std::time::Duration::from_millis(1))
                    .await;
            }
        }
    }

    /// Ends the writers.
    pub(crate) async fn rest(&self, writers: Vec<Task<()>>) {
        self.ledger.enough.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().await.unwrap();
        }
    }

    /// The member that some live member holds for the leader.
    pub(crate) async fn leader(&self) -> usize {
        let mut found = None;
        eventually("somebody knows the leader", async || {
            for at in 0..self.count() {
                if let Answer::Done(status) = self.member(at).ask("status").await {
                    let leader: usize = status.split(' ').next().unwrap().parse().unwrap();
                    if leader > 0 {
                        found = Some(leader - 1);
                        return true;
                    }
                }
            }
            false
        })
        .await;
        found.unwrap()
    }

    /// Waits until so many more writes are acknowledged.
    pub(crate) async fn goes_on(&self, what: &str, more: usize) {
        let enough = self.acknowledged() + more;
        eventually(what, async || self.acknowledged() >= enough).await;
    }

    /// Whether all members hold the same at this moment's revision.
    pub(crate) async fn agree(&self) -> i64 {
        // One more write through the log tells where the history ends.
        let mut last = 0_i64;
        eventually("a last write is acknowledged", async || {
            let Answer::Done(revision) = self.member(0).ask("put last last").await else {
                return false;
            };
            last = revision.parse().unwrap();
            true
        })
        .await;
        let mut hashes = Vec::new();
        for at in 0..self.count() {
            let member = self.member(at);
            eventually("the member has applied everything", async || {
                member.must("ready").await.parse::<i64>().unwrap() >= last
            })
            .await;
            hashes.push(member.must(&format!("hash {last}")).await);
        }
        // What each has applied since does not matter.
        let same = |hash: &String| hash.split(", current").next().map(ToOwned::to_owned);
        assert!(hashes.iter().all(|hash| same(hash) == same(&hashes[0])), "differ: {hashes:?}");
        last
    }

    /// All members agree, every revision is there once, every acknowledged write at its revision and
    /// no refused one.
    pub(crate) async fn verify(&self) {
        let last = self.agree().await;
        let history = self.member(1).must(&format!("history {last}")).await;
        let events: BTreeMap<i64, &str> = history
            .split(' ')
            .map(|event| {
                let (revision, change) = event.split_once(':').unwrap();
                (revision.parse().unwrap(), change)
            })
            .collect();
        assert_eq!(history.split(' ').count(), events.len(), "a revision came twice");
        let expected: Vec<i64> = (2..=last).collect();
        assert_eq!(events.keys().copied().collect::<Vec<_>>(), expected, "revisions are dense");
        for (key, revision) in self.ledger.acknowledged.lock().unwrap().iter() {
            let number = key.split_once('/').unwrap().1;
            let there = events.get(revision).copied();
            let expected = format!("{key}={number}");
            assert_eq!(there, Some(&*expected), "acknowledged at {revision} of {last}, lost");
        }
        let written: BTreeSet<&str> =
            events.values().map(|change| change.split_once('=').unwrap().0).collect();
        for key in self.ledger.refused.lock().unwrap().iter() {
            assert!(!written.contains(&**key), "{key} was refused, but it is there");
        }
    }
}
