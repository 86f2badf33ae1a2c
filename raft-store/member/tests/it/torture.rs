//! Disks that fail under real processes: the raft log's files, RocksDB's and those of snapshots.
//!
//! Every cycle restarts one member with a rule for its system calls, drawn from a seed (module
//! `plan`): which calls fail, from which one on, and how. The member must either go on or end with
//! its reason and without another acknowledgement; a restart without faults recovers; nothing
//! acknowledged is lost and no member differs, ever.
//!
//! `make torture KILLS=500 FAULTS=200 SEED=7` runs more cycles than the ordinary tests do.

mod library;
mod plan;

use crate::cluster::{PATIENCE, eventually};
use crate::process::{Answer, Process};
use crate::trial::Trial;
use library::Library;
use plan::{Ends, Plan, Role};
use quorate_seams::{SeededRandom, SystemClock, timeout};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

/// Cycles of each of the two tests.
const FAULTS: usize = 10;
/// How long a call that the plan waits for may not come before the cycle is given up.
const NOT_REACHED: Duration = Duration::from_secs(4);
/// Writes after which a member that was away needs a snapshot.
const AWAY: usize = 300;

/// A number from the environment: `QUORATE_` and the name.
pub(crate) fn asked_for(name: &str, default: usize) -> usize {
    let text = std::env::var(format!("QUORATE_{name}"));
    text.map_or(default, |text| text.parse().unwrap())
}

/// How a cycle went.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    NotReached,
    WentOn,
    /// It cannot get the snapshot that it lacks, says that it is not ready, and tries on.
    Behind,
    /// With this last line on standard error, so long after the fault.
    Ended(String, Duration),
    Killed,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_disks_of_one_in_three_lose_nothing() {
    let cycles = asked_for("FAULTS", 2 * FAULTS);
    torture(3, cycles.div_ceil(2), 1).await;
}

/// Here nobody else has what this one disk forgets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_failing_disk_of_a_single_member_loses_nothing() {
    let cycles = asked_for("FAULTS", 2 * FAULTS);
    torture(1, cycles / 2, 2).await;
}

async fn torture(members: usize, cycles: usize, stream: u64) {
    let root = tempfile::tempdir().unwrap();
    let library = match Library::build(root.path()) {
        Ok(library) => library,
        Err(reason) => {
            println!("SKIP: {reason}");
            return;
        }
    };
    let seed = u64::try_from(asked_for("SEED", 1)).unwrap();
    let random = SeededRandom::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(stream));
    let clock = SystemClock::shared();
    let begin = clock.now();
    let trial = Trial::begin(root.path(), members, &plan::tuning(&random)).await;
    let writers = trial.write_from(4, 500);
    let mut outcomes = Vec::new();
    for number in 0..cycles {
        let plan = Plan::draw(&random, members);
        println!("cycle {number} of seed {seed}: {plan:?}");
        let outcome = Cycle { trial: &trial, library: &library, plan, number }.run().await;
        println!("cycle {number} of seed {seed}: {outcome:?}");
        outcomes.push(outcome);
        if number % 25 == 24 {
            trial.agree().await;
        }
    }
    trial.rest(writers).await;
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    let slowest = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Ended(_, after) => Some(*after),
        _ => None,
    });
    println!(
        "{members} members, {cycles} faults in {:?}: {} went on, {} stayed behind, {} ended (the slowest \
         after {:?}), {} killed, {} not reached; {}",
        clock.now() - begin,
        count(|outcome| *outcome == Outcome::WentOn),
        count(|outcome| *outcome == Outcome::Behind),
        count(|outcome| matches!(outcome, Outcome::Ended(..))),
        slowest.max().unwrap_or_default(),
        count(|outcome| *outcome == Outcome::Killed),
        count(|outcome| *outcome == Outcome::NotReached),
        trial.tally(),
    );
    trial.verify().await;
}

/// One fault.
struct Cycle<'a> {
    trial: &'a Trial,
    library: &'a Library,
    plan: Plan,
    number: usize,
}

impl Cycle<'_> {
    async fn run(&self) -> Outcome {
        let (trial, plan) = (self.trial, &self.plan);
        let leader = trial.leader().await;
        let victim = (leader + plan.offset) % trial.count();
        let report = trial.root.join(format!("report-{}", self.number));
        let mut tuning = plan.tuning.clone();
        tuning.environment = self.library.environment(plan, &report);
        trial.member(victim).kill().await;
        if plan.role == Role::Receiver {
            trial.goes_on("the others write what the victim will lack", AWAY).await;
        }
        let member = trial.start(victim, &tuning);
        let other = (victim + 1) % trial.count();
        if plan.role != Role::Receiver && trial.count() > 1 {
            self.lead(victim, &member).await;
        }
        if plan.role == Role::Sender {
            trial.member(other).kill().await;
            // A victim that dies before its time leaves no majority, and neither does one whose disk
            // has failed it already while the third lacks a snapshot.
            let enough = trial.acknowledged() + AWAY;
            eventually("the others write what it will lack", async || {
                trial.acknowledged() >= enough || report.exists() || member.ended().await.is_some()
            })
            .await;
            trial.start(other, &plan.tuning);
        }
        let outcome = self.outcome(&member, &report).await;
        member.kill().await;
        trial.start(victim, &plan.tuning).must("ready").await;
        trial.member(other).must("ready").await;
        trial.goes_on("writes go on", 3).await;
        outcome
    }

    /// Makes the victim the leader if the plan says so and it is still there.
    async fn lead(&self, victim: usize, member: &Arc<Process>) {
        let wanted = self.plan.role == Role::Leader || self.plan.role == Role::Sender;
        if wanted && matches!(member.ask("ready").await, Answer::Done(_)) {
            let leader = self.trial.leader().await;
            let command = format!("transfer {}", victim + 1);
            // Whoever leads may die of the very fault.
            let _ = self.trial.member(leader).ask(&command).await;
        }
    }

    async fn outcome(&self, member: &Process, report: &Path) -> Outcome {
        let clock = SystemClock::shared();
        let give_up = clock.now() + NOT_REACHED;
        while !report.exists() {
            if clock.now() >= give_up {
                return Outcome::NotReached;
            }
            if let Some(status) = member.ended().await
                && !report.exists()
            {
                panic!("ended without a fault, {status}: {}", member.complaints());
            }
            clock.sleep(Duration::from_millis(2)).await;
        }
        let fired = clock.now();
        let may_go_on = self.plan.ends != Ends::Must;
        let mut ready = Answer::Unknown;
        if may_go_on {
            ready = member.ask("ready").await;
        }
        let is_ready = matches!(ready, Answer::Done(_));
        let stays = self.plan.keeps_away() && matches!(member.ask("status").await, Answer::Done(_));
        if stays && !is_ready {
            return Outcome::Behind;
        }
        let mut found = None;
        let ended_or_ready = async {
            // A member that goes on need not be ready at once: it may have to find a leader.
            while found.is_none() && !matches!(ready, Answer::Done(_)) {
                if may_go_on {
                    ready = member.ask("ready").await;
                }
                found = member.ended().await;
                clock.sleep(Duration::from_millis(2)).await;
            }
        };
        if timeout(&*clock, PATIENCE * 2, ended_or_ready).await.is_none() {
            let status = member.ask("status").await;
            let said = member.complaints();
            panic!("it neither ends nor is ready ({ready:?}), status {status:?}: {said}");
        }
        match found {
            Some(status) => self.judge(status, &member.complaints(), clock.now() - fired),
            None => Outcome::WentOn,
        }
    }

    /// Whether it has ended as it should.
    fn judge(&self, status: ExitStatus, said: &str, after: Duration) -> Outcome {
        if self.plan.kills() {
            assert_eq!(status.signal(), Some(9), "{status}: {said}");
            return Outcome::Killed;
        }
        assert!(self.plan.ends != Ends::Never, "it should have gone on, {status}: {said}");
        assert_eq!(status.code(), Some(1), "{status}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        let last = said.lines().last().unwrap_or_default();
        let clear = last.starts_with("member-harness: ") && self.plan.explains(last);
        assert!(clear && said.lines().count() == 1, "the reason is not clear: {said}");
        Outcome::Ended(last.to_owned(), after)
    }
}
