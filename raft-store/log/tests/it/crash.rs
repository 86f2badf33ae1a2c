//! Random histories with crashes: what was acknowledged is there, and the log is some prefix of the
//! calls that were made.

use crate::support::{HANG, Model, callback, entries, id, open};
use bytes::Bytes;
use proptest::prelude::*;
use quorate_log::{Error, RaftLog};
use quorate_seams::{Crash, SimDisk};
use quorate_types::LogIndex;
use std::sync::mpsc::Receiver;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Step {
    Append { new_term: bool, count: u64, size: usize },
    Truncate { back: u64 },
    TruncateAll,
    Purge { back: u64 },
    PurgeBeyond { ahead: u64 },
    Vote(u8),
    Committed,
}

/// Steps until the process or the machine dies.
#[derive(Clone, Debug)]
struct Life {
    /// The steps of one burst are queued while the first one is being synced.
    bursts: Vec<Vec<Step>>,
    power_off_after: Option<u64>,
    close: bool,
    crash: Crash,
    seed: u64,
}

fn any_step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![Just(0usize), Just(20), Just(700), Just(5000)];
    prop_oneof![
        6 => (any::<bool>(), 0u64..5, size)
            .prop_map(|(new_term, count, size)| Step::Append { new_term, count, size }),
        1 => (0u64..6).prop_map(|back| Step::Truncate { back }),
        1 => Just(Step::TruncateAll),
        2 => (0u64..6).prop_map(|back| Step::Purge { back }),
        1 => (0u64..4).prop_map(|ahead| Step::PurgeBeyond { ahead }),
        1 => any::<u8>().prop_map(Step::Vote),
        1 => Just(Step::Committed),
    ]
}

fn any_life() -> impl Strategy<Value = Life> {
    let bursts = proptest::collection::vec(proptest::collection::vec(any_step(), 1..4), 0..10);
    let crash = prop_oneof![
        Just(Crash::KeepAll),
        Just(Crash::LoseAll),
        Just(Crash::Prefix),
        Just(Crash::Tear)
    ];
    let power = prop_oneof![1 => Just(None), 3 => (0u64..60).prop_map(Some)];
    (bursts, power, any::<bool>(), crash, any::<u64>()).prop_map(
        |(bursts, power_off_after, close, crash, seed)| Life {
            bursts,
            power_off_after,
            close,
            crash,
            seed,
        },
    )
}

struct History {
    term: u64,
    /// Every state that a crash may leave: the last acknowledged one and those after it.
    possible: Vec<Model>,
}

impl History {
    fn now(&self) -> &Model {
        self.possible.last().unwrap()
    }

    /// Makes one call; `None` for a call without a callback.
    fn submit(&mut self, log: &RaftLog, step: &Step) -> Option<Receiver<Result<(), Error>>> {
        let (done, result) = callback();
        let mut model = self.now().clone();
        let last = model.last();
        let back = |back: u64| last.map(|last| id(last.term.0, last.index.0.saturating_sub(back)));
        match step {
            Step::Append { new_term, count, size } => {
                self.term += u64::from(*new_term);
                let entries = entries(self.term, model.next(), *count, *size);
                model.entries.extend(entries.iter().cloned());
                log.append(entries, done).unwrap();
            }
            Step::Truncate { back: by } => {
                let kept = back(*by).map(|id| id.index.0);
                model.truncate_after(kept);
                log.truncate_after(kept.map(LogIndex), done).unwrap();
            }
            Step::TruncateAll => {
                model.truncate_after(None);
                log.truncate_after(None, done).unwrap();
            }
            Step::Purge { back: by } => {
                let upto = back(*by).unwrap_or_else(|| id(1, 1));
                model.purge(upto);
                log.purge(upto, done).unwrap();
            }
            Step::PurgeBeyond { ahead } => {
                let upto = id(self.term, model.next() + ahead);
                model.purge(upto);
                log.purge(upto, done).unwrap();
            }
            Step::Vote(fill) => {
                let vote = Bytes::from(vec![*fill; usize::from(*fill)]);
                model.vote = Some(vote.clone());
                log.save_vote(vote, done).unwrap();
            }
            Step::Committed => {
                model.committed = last;
                if log.save_committed(last).is_ok() {
                    self.possible.push(model);
                }
                return None;
            }
        }
        self.possible.push(model);
        Some(result)
    }

    /// Runs a burst to its end; false once the disk is dead.
    fn burst(&mut self, disk: &SimDisk, log: &RaftLog, steps: &[Step]) -> bool {
        let mut pending = Vec::new();
        disk.hold_syncs();
        for step in steps {
            if let Some(result) = self.submit(log, step) {
                let mut call = Pending { state: self.possible.len() - 1, result, early: None };
                let held = !pending.is_empty() || call.reached_the_disk(disk);
                pending.push(call);
                if !held {
                    break;
                }
                assert_eq!(Model::of(log), *self.now(), "the view follows the calls");
            }
        }
        disk.release_syncs();
        let mut acknowledged = 0;
        let mut alive = true;
        for call in pending {
            match call.early.unwrap_or_else(|| call.result.recv_timeout(HANG).unwrap()) {
                Ok(()) => {
                    assert!(alive, "an acknowledgement after a failure");
                    acknowledged = call.state;
                }
                Err(Error::Poisoned { .. }) => alive = false,
                Err(other) => panic!("{other}"),
            }
        }
        self.possible.drain(..acknowledged);
        alive
    }
}

struct Pending {
    /// The state after the call, as a position in what is possible.
    state: usize,
    result: Receiver<Result<(), Error>>,
    early: Option<Result<(), Error>>,
}

impl Pending {
    /// Waits until the call's group waits for its sync; false if it was answered without one.
    fn reached_the_disk(&mut self, disk: &SimDisk) -> bool {
        loop {
            if disk.wait_for_held_sync(Duration::from_millis(1)) {
                return true;
            }
            self.early = self.result.try_recv().ok();
            if self.early.is_some() || disk.is_dead() {
                return false;
            }
        }
    }
}

fn live(disk: &SimDisk, history: &mut History, life: &Life) -> SimDisk {
    if let Some(count) = life.power_off_after {
        disk.power_off_after(count);
    }
    let log = match open(disk) {
        Ok(log) => log,
        Err(Error::Io { .. }) if disk.is_dead() => return disk.crash(life.crash, life.seed),
        Err(other) => panic!("a crash alone must never damage the log: {other}"),
    };
    let found = Model::of(&log);
    assert!(history.possible.contains(&found), "{found:?} is none of {:?}", history.possible);
    history.possible = vec![found];
    let alive = life.bursts.iter().all(|burst| history.burst(disk, &log, burst));
    if alive && life.close {
        log.close();
        if !disk.is_dead() {
            history.possible.drain(..history.possible.len() - 1);
        }
    }
    disk.crash(life.crash, life.seed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn whatever_crashes_the_log_is_a_prefix_that_holds_all_that_was_acknowledged(
        lives in proptest::collection::vec(any_life(), 1..5),
    ) {
        let mut disk = SimDisk::new();
        let mut history = History { term: 1, possible: vec![Model::default()] };
        for life in &lives {
            disk = live(&disk, &mut history, life);
        }
        let log = open(&disk).unwrap();
        let found = Model::of(&log);
        prop_assert!(history.possible.contains(&found), "{:?} of {:?}", found, history.possible);
    }
}

#[test]
fn power_lost_at_any_change_of_a_fixed_history_loses_nothing_acknowledged() {
    let append = |size| Step::Append { new_term: false, count: 2, size };
    let bursts: Vec<Vec<Step>> = (0..8)
        .flat_map(|round| {
            [
                vec![append(700), Step::Vote(round)],
                vec![append(20), Step::Committed, append(700)],
                vec![Step::Truncate { back: 1 }, append(5000)],
                vec![Step::Purge { back: 2 }],
            ]
        })
        .collect();
    for power_off_after in 0..260 {
        for crash in [Crash::LoseAll, Crash::Prefix, Crash::Tear, Crash::KeepAll] {
            let mut history = History { term: 1, possible: vec![Model::default()] };
            let (bursts, seed) = (bursts.clone(), power_off_after);
            let life =
                Life { bursts, power_off_after: Some(power_off_after), close: true, crash, seed };
            let disk = live(&SimDisk::new(), &mut history, &life);
            let found = Model::of(&open(&disk).unwrap());
            assert!(history.possible.contains(&found), "power off after {power_off_after}");
        }
    }
}

#[test]
fn a_truncation_of_everything_needs_no_segment_that_held_the_entries() {
    let append = || Step::Append { new_term: false, count: 1, size: 5000 };
    let bursts = vec![
        vec![append()],
        vec![Step::Truncate { back: 1 }],
        vec![append()],
        vec![Step::TruncateAll],
    ];
    for power_off_after in 0..70 {
        for crash in [Crash::LoseAll, Crash::KeepAll, Crash::Prefix, Crash::Tear] {
            let mut history = History { term: 1, possible: vec![Model::default()] };
            let (bursts, seed) = (bursts.clone(), power_off_after);
            let power_off_after = Some(power_off_after);
            let life = Life { bursts, power_off_after, close: false, crash, seed };
            let disk = live(&SimDisk::new(), &mut history, &life);
            assert!(history.possible.contains(&Model::of(&open(&disk).unwrap())));
        }
    }
}
