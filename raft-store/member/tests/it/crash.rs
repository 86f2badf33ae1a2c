//! Three processes, killed fifty times while clients write: nothing acknowledged is lost.

use crate::cluster::{eventually, free_addresses};
use crate::process::{Answer, Process};
use quorate_seams::{SystemClock, spawn};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

const KILLS: u64 = 50;
const WRITERS: u64 = 4;

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

struct Trial {
    members: [RwLock<Arc<Process>>; 3],
    ledger: Ledger,
}

impl Trial {
    fn member(&self, at: u64) -> Arc<Process> {
        let at = usize::try_from(at % 3).unwrap();
        Arc::clone(&self.members[at].read().unwrap())
    }

    fn acknowledged(&self) -> usize {
        self.ledger.acknowledged.lock().unwrap().len()
    }

    async fn write(&self, writer: u64) {
        let mut count = 0_u64;
        while !self.ledger.enough.load(Ordering::Relaxed) {
            let key = format!("w{writer}/{count}");
            match self.member(writer + count).ask(&format!("put {key} {count}")).await {
                Answer::Done(revision) => {
                    let revision = revision.parse().unwrap();
                    self.ledger.acknowledged.lock().unwrap().push((key, revision));
                }
                Answer::Unknown => drop(self.ledger.unknown.fetch_add(1, Ordering::Relaxed)),
                Answer::Refused(_) => self.ledger.refused.lock().unwrap().push(key),
            }
            count += 1;
        }
    }

    /// The member that some live member holds for the leader, counted from zero.
    async fn leader(&self) -> u64 {
        let mut found = None;
        eventually("somebody knows the leader", async || {
            for at in 0..3 {
                if let Answer::Done(status) = self.member(at).ask("status").await {
                    let leader: u64 = status.split(' ').next().unwrap().parse().unwrap();
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

    /// Kills a member, sees the others go on, and brings it back.
    async fn kill_and_restart(&self, victim: u64, root: &Path, addresses: &[SocketAddr]) {
        self.member(victim).kill().await;
        let survivor = self.member(victim + 1);
        let before = self.acknowledged();
        survivor.must("ready").await;
        eventually("writes go on without it", async || self.acknowledged() > before + 3).await;
        let again = Arc::new(Process::start(root, victim + 1, addresses));
        *self.members[usize::try_from(victim).unwrap()].write().unwrap() = Arc::clone(&again);
        again.must("ready").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_under_writes_lose_nothing_and_leave_no_gap() {
    let clock = SystemClock::shared();
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(3);
    let process = |id| RwLock::new(Arc::new(Process::start(root.path(), id, &addresses)));
    let trial = Arc::new(Trial {
        members: [process(1), process(2), process(3)],
        ledger: Ledger::default(),
    });
    trial.member(0).must("ready").await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let trial = Arc::clone(&trial);
            spawn(async move { trial.write(writer).await })
        })
        .collect();
    let mut gaps = Vec::new();
    for round in 0..KILLS {
        let leader = trial.leader().await;
        let victim = if round % 2 == 0 { leader } else { (leader + 1 + round / 2 % 2) % 3 };
        let start = clock.now();
        trial.kill_and_restart(victim, root.path(), &addresses).await;
        gaps.push(clock.now() - start);
    }
    trial.ledger.enough.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().await.unwrap();
    }
    let total: Duration = gaps.iter().sum();
    let unknown = trial.ledger.unknown.load(Ordering::Relaxed);
    let refused = trial.ledger.refused.lock().unwrap().len();
    println!(
        "{KILLS} kills in {total:?}: {} acknowledged, {unknown} unknown, {refused} refused",
        trial.acknowledged()
    );
    verify(&trial).await;
}

/// All members agree, every revision is there once, every acknowledged write at its revision.
async fn verify(trial: &Trial) {
    // One more write through the log tells where the history ends.
    let last: i64 = trial.member(0).must("put last last").await.parse().unwrap();
    let mut hashes = Vec::new();
    for at in 0..3 {
        let member = trial.member(at);
        eventually("the member has applied everything", async || {
            let revision = member.must("ready").await.parse::<i64>().unwrap();
            revision >= last
        })
        .await;
        hashes.push(member.must(&format!("hash {last}")).await);
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "members differ: {hashes:?}");

    let history = trial.member(1).must(&format!("history {last}")).await;
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
    for (key, revision) in trial.ledger.acknowledged.lock().unwrap().iter() {
        let number = key.split_once('/').unwrap().1;
        let there = events.get(revision).copied();
        let expected = format!("{key}={number}");
        assert_eq!(there, Some(&*expected), "acknowledged at {revision} of {last}, lost");
    }
    let written: BTreeSet<&str> =
        events.values().map(|change| change.split_once('=').unwrap().0).collect();
    for key in trial.ledger.refused.lock().unwrap().iter() {
        assert!(!written.contains(&**key), "{key} was refused, but it is there");
    }
}
