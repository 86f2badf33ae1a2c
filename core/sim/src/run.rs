//! One run from its seed to its report.
//!
//! Phases: the members form a cluster; clients work while faults are injected; faults end and the
//! members must converge; leases must run out; then everything recorded is checked.

use crate::chaos::Chaos;
use crate::check;
use crate::clients::{Client, compactor};
use crate::cluster::{Cluster, Health};
use crate::history::{Answer, History};
use crate::leases::Holder;
use crate::net::{Net, host_of};
use crate::observe::{invariants, main_observer, position};
use crate::plan::Plan;
use crate::report::{Counts, Report};
use crate::watchers::Watcher;
use quorate_seams::{Detached, World, spawn_detached};
use quorate_store::Store;
use quorate_types::Revision;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Polls that no run needs: one that has more is not getting anywhere.
const BUDGET: u64 = 4_000_000;
/// How soon after the last fault all members must have applied the same.
const CONVERGENCE: Duration = Duration::from_secs(8);
/// The longest lease, twice an election and what revoking takes.
const LEASES_END: Duration = Duration::from_millis(4500);

/// Runs one seed.
///
/// # Panics
/// If the machine gives no directory for temporary files.
#[must_use]
pub fn run(seed: u64) -> Report {
    #[allow(clippy::expect_used, reason = "without a directory there is no run and no report")]
    let scratch = scratch().expect("a directory for temporary files");
    let world = World::new(seed);
    let plan = Plan::of(seed);
    let control = world.control();
    control.set_choice(plan.choice);
    control.set_timer_slack(plan.slack);
    control.set_budget(BUDGET);
    let net = Net::new(control.clone(), world.random("net"));
    let random = world.random("cluster");
    let cluster = Cluster::new(plan, control, random, net, scratch.path());
    let run = Run {
        chaos: Chaos {
            cluster: Arc::clone(&cluster),
            random: world.random("chaos"),
            stop: Arc::default(),
            injected: Arc::default(),
            active: Arc::default(),
            calm: Arc::default(),
            restarts: Arc::default(),
        },
        cluster,
        history: History::default(),
        stop: Arc::default(),
        observed: Arc::default(),
    };
    let ended = world.block_on(run.whole(&world));
    if let Err(stuck) = &ended {
        run.cluster.findings.violation(stuck.to_string());
    }
    run.report(&world, ended.unwrap_or_default())
}

/// A directory for snapshots on their way, in memory if the machine has one there.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("quorate-sim-");
    if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }
}

struct Run {
    cluster: Arc<Cluster>,
    history: History,
    chaos: Chaos,
    stop: Arc<AtomicBool>,
    observed: Arc<AtomicBool>,
}

impl Run {
    async fn whole(&self, world: &World) -> u64 {
        let cluster = &self.cluster;
        for id in cluster.ids() {
            cluster.start(id);
        }
        cluster.clock.sleep(Duration::from_millis(400)).await;
        let mut tasks = self.observers(world);
        tasks.extend(self.workload(world));
        let chaos = spawn_detached(self.chaos.clone().run());
        self.endure().await;
        self.chaos.stop.store(true, Ordering::Relaxed);
        // Faults that were begun end by themselves before the healing.
        let _ = chaos.await;
        cluster.clock.sleep(Duration::from_millis(200)).await;
        self.chaos.heal();
        cluster.clock.sleep(Duration::from_millis(600)).await;
        while cluster.changing.load(Ordering::Relaxed) && !cluster.findings.any() {
            cluster.clock.sleep(Duration::from_millis(50)).await;
        }
        self.stop.store(true, Ordering::Relaxed);
        self.settle().await;
        self.observed.store(true, Ordering::Relaxed);
        for task in tasks {
            // A panic is reported by the world.
            let _ = task.await;
        }
        if !cluster.findings.any() {
            check::members::audit(cluster, &self.history).await;
        }
        if !cluster.findings.any() {
            return check::recorded(cluster, &self.history);
        }
        0
    }

    /// Waits until the time of faults is over, comparing the members now and then.
    async fn endure(&self) {
        let ends = self.cluster.control.now() + self.cluster.plan.chaos;
        while self.cluster.control.now() < ends && !self.cluster.findings.any() {
            self.cluster.clock.sleep(Duration::from_millis(1000)).await;
            check::members::compare_hashes(&self.cluster).await;
        }
    }

    fn observers(&self, world: &World) -> Vec<Detached<()>> {
        let mut tasks = vec![spawn_detached(main_observer(
            Arc::clone(&self.cluster),
            self.history.clone(),
            world.random("observer"),
            Arc::clone(&self.observed),
        ))];
        for id in self.cluster.ids() {
            let watcher = self.watcher(world, &format!("member {id}"), Some(id));
            tasks.push(spawn_detached(watcher.run()));
            tasks.push(spawn_detached(invariants(
                Arc::clone(&self.cluster),
                id,
                world.random(&format!("invariants {id}")),
                Arc::clone(&self.observed),
            )));
        }
        for number in 0..self.cluster.plan.watchers {
            let watcher = self.watcher(world, &format!("watcher {number}"), None);
            tasks.push(spawn_detached(watcher.run()));
        }
        tasks
    }

    fn watcher(
        &self,
        world: &World,
        name: &str,
        pinned: Option<quorate_types::MemberId>,
    ) -> Watcher {
        Watcher {
            cluster: Arc::clone(&self.cluster),
            history: self.history.clone(),
            random: world.random(name),
            stop: Arc::clone(&self.observed),
            pinned,
        }
    }

    fn workload(&self, world: &World) -> Vec<Detached<()>> {
        let (cluster, history, stop) = (&self.cluster, &self.history, &self.stop);
        let mut tasks = vec![spawn_detached(compactor(
            Arc::clone(cluster),
            history.clone(),
            world.random("compactor"),
            Arc::clone(stop),
        ))];
        for number in 0..cluster.plan.clients {
            let client = Client {
                cluster: Arc::clone(cluster),
                history: history.clone(),
                random: world.random(&format!("client {number}")),
                stop: Arc::clone(stop),
                seen: BTreeMap::new(),
            };
            tasks.push(spawn_detached(client.run()));
        }
        for name in 1..=cluster.plan.lease_holders {
            let holder = Holder {
                cluster: Arc::clone(cluster),
                history: history.clone(),
                random: world.random(&format!("holder {name}")),
                stop: Arc::clone(stop),
                name,
            };
            tasks.push(spawn_detached(holder.run()));
        }
        tasks
    }

    /// Waits until all members have applied the same and leases have run out, or finds that they
    /// do not.
    async fn settle(&self) {
        let cluster = &self.cluster;
        let healed = cluster.control.now();
        let mut since = None;
        loop {
            cluster.clock.sleep(Duration::from_millis(100)).await;
            self.chaos.restart_the_rotten();
            let now = cluster.control.now();
            let equal = self.converged();
            since = if equal { since.or(Some(now)) } else { None };
            let quiet = healed + LEASES_END;
            if equal && now >= quiet {
                return;
            }
            if !equal && now >= healed + CONVERGENCE + LEASES_END {
                cluster.findings.violation(format!(
                    "no convergence after healing: {}; observed {}",
                    cluster.stand(),
                    position(&self.history)
                ));
                return;
            }
            if cluster.findings.any() {
                return;
            }
        }
    }

    /// Whether every member that is not lost has applied the same, and the observer has seen it.
    fn converged(&self) -> bool {
        let cluster = &self.cluster;
        let lost = cluster.with_health(Health::Lost).len();
        let up = cluster.with_health(Health::Up);
        if up.len() + lost < cluster.ids().len() {
            return false;
        }
        let mut stands = up.iter().filter_map(|id| {
            let (core, _) = cluster.core(*id)?;
            let status = core.status();
            let applied = *core.consensus().applied().borrow();
            Some((applied, status.revision, status.leader.is_some()))
        });
        let Some(first) = stands.next() else { return false };
        first.2
            && stands.all(|stand| stand == first)
            && position(&self.history) == first.1.max(Revision(1))
    }

    fn report(&self, world: &World, undecided: u64) -> Report {
        let panics = self.cluster.control.take_panics();
        for panic in panics {
            let text = format!("a task of {:?} panicked: {}", panic.host, panic.message);
            self.cluster.findings.violation(text);
        }
        let violations = self.cluster.findings.take();
        let counts = self.counts(world, undecided);
        let plan = format!("{:?}", self.cluster.plan);
        let seed = self.cluster.plan.seed;
        let hash = world.event_hash();
        for id in self.cluster.ids() {
            self.cluster.take_down(id, quorate_seams::Crash::LoseAll);
        }
        self.cluster.control.crash(host_of(quorate_types::MemberId(0)));
        Report { seed, hash, violations, counts, plan }
    }

    fn counts(&self, world: &World, undecided: u64) -> Counts {
        let recorded = self.history.lock();
        let count = |wanted: fn(&Answer) -> bool| {
            recorded.operations.iter().filter(|it| wanted(&it.answer)).count() as u64
        };
        let unknown = count(|answer| matches!(answer, Answer::Unknown));
        let refused = count(|answer| matches!(answer, Answer::Refused(_)));
        Counts {
            answered: recorded.operations.len() as u64 - unknown - refused,
            unknown,
            refused,
            revisions: recorded.changes.len() as u64,
            watched: recorded.watches.iter().map(|watch| watch.events.len() as u64).sum(),
            leases: recorded.leases.len() as u64,
            faults: self.chaos.injected.load(Ordering::Relaxed),
            restarts: self.chaos.restarts.load(Ordering::Relaxed),
            terms: self.cluster.terms() as u64,
            undecided,
            polls: world.polls(),
        }
    }
}
