//! What goes wrong in a run, within what a store must bear.

use crate::admin::Operator;
use crate::cluster::{Cluster, Health, Node};
use crate::net::{Weather, host_of};
use quorate_seams::disk::Disk;
use quorate_seams::{Crash, Latency, SharedRandom, SimDisk, spawn_detached};
use quorate_store::Store;
use quorate_types::{LogIndex, MemberId};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Injects faults.
#[derive(Clone)]
pub(crate) struct Chaos {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) random: SharedRandom,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) injected: Arc<AtomicU64>,
    /// Faults that have begun and not ended.
    pub(crate) active: Arc<AtomicU64>,
    /// Whether no other fault may begin.
    pub(crate) calm: Arc<AtomicBool>,
    pub(crate) restarts: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Partition,
    Loss,
    Delay,
    Duplicate,
    Crash,
    Power,
    Pause,
    SlowDisk,
    SyncError,
    FullDisk,
    Rot,
    Skew,
    Transfer,
    Restart,
    Members,
    Wipe,
    SetBack,
    Flush,
    Snapshot,
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Chaos {
    /// Injects one fault after the other until told to stop.
    pub(crate) async fn run(self) {
        let enabled = self.enabled();
        let gap = u64::try_from(self.cluster.plan.fault_gap.as_millis()).unwrap_or(1);
        loop {
            self.cluster.clock.sleep(ms(1 + self.random.below(2 * gap))).await;
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let at = usize::try_from(self.random.below(enabled.len() as u64)).unwrap_or(0);
            if self.calm.load(Ordering::Relaxed) {
                continue;
            }
            self.injected.fetch_add(1, Ordering::Relaxed);
            self.active.fetch_add(1, Ordering::Relaxed);
            let (fault, active) = (self.clone().inject(enabled[at]), Arc::clone(&self.active));
            drop(spawn_detached(async move {
                fault.await;
                active.fetch_sub(1, Ordering::Relaxed);
            }));
        }
    }

    fn enabled(&self) -> Vec<Fault> {
        let on = self.cluster.plan.faults;
        let kinds = [
            (on.partition, Fault::Partition),
            (on.loss, Fault::Loss),
            (on.delay, Fault::Delay),
            (on.duplicate, Fault::Duplicate),
            (on.crash, Fault::Crash),
            (on.power, Fault::Power),
            (on.pause, Fault::Pause),
            (on.slow_disk, Fault::SlowDisk),
            (on.sync_error, Fault::SyncError),
            (on.full_disk, Fault::FullDisk),
            (on.rot, Fault::Rot),
            (on.skew, Fault::Skew),
            (on.transfer, Fault::Transfer),
            (on.restart, Fault::Restart),
            (on.members, Fault::Members),
            (on.wipe, Fault::Wipe),
            (on.set_back, Fault::SetBack),
            (true, Fault::Flush),
            (true, Fault::Snapshot),
        ];
        kinds.into_iter().filter(|(on, _)| *on).map(|(_, fault)| fault).collect()
    }

    async fn inject(self, fault: Fault) {
        match fault {
            Fault::Partition => self.partition().await,
            Fault::Loss => {
                let loss = 20 + self.random.below(250);
                self.weather(Weather { loss, ..Weather::default() }).await;
            }
            Fault::Delay => {
                let delay = (ms(1), ms(5 + self.random.below(120)));
                self.weather(Weather { delay, ..Weather::default() }).await;
            }
            Fault::Duplicate => {
                let delay = (ms(0), ms(1 + self.random.below(20)));
                let weather = Weather { duplicate: 300, delay, loss: self.random.below(30) };
                self.weather(weather).await;
            }
            Fault::Crash => self.crash().await,
            Fault::Power => self.power().await,
            Fault::Pause => self.pause().await,
            Fault::SlowDisk => self.slow_disk().await,
            Fault::SyncError => {
                let count = self.random.below(5);
                self.ail(|disk| disk.fail_sync_after(count)).await;
            }
            Fault::FullDisk => self.ail(|disk| disk.set_capacity(0)).await,
            Fault::Rot => self.rot().await,
            Fault::Skew => self.skew(),
            Fault::Transfer => self.transfer().await,
            Fault::Restart => self.restart().await,
            Fault::Members => {
                let (cluster, random) = (Arc::clone(&self.cluster), Arc::clone(&self.random));
                Operator { cluster, random }.change().await;
            }
            Fault::Wipe => self.wipe().await,
            Fault::SetBack => {
                self.calm.store(true, Ordering::Relaxed);
                self.set_back().await;
                self.calm.store(false, Ordering::Relaxed);
            }
            Fault::Flush => {
                if let Some(id) = self.any() {
                    self.cluster.flush_state(id);
                }
            }
            Fault::Snapshot => self.snapshot().await,
        }
    }

    fn any(&self) -> Option<MemberId> {
        self.cluster.any(&*self.random).map(|(id, ..)| id)
    }

    async fn wait(&self, min: u64, spread: u64) {
        self.cluster.clock.sleep(ms(min + self.random.below(spread))).await;
    }

    async fn weather(&self, weather: Weather) {
        self.cluster.net.set_weather(weather);
        self.wait(100, 1200).await;
        self.cluster.net.set_weather(Weather::default());
    }

    async fn partition(&self) {
        let cuts = self.cuts();
        for (from, to) in &cuts {
            self.cluster.net.set_cut(*from, *to, true);
        }
        self.wait(50, 1800).await;
        for (from, to) in &cuts {
            self.cluster.net.set_cut(*from, *to, false);
        }
    }

    /// The directions to cut: one member off both ways or one, two halves, or a ring.
    fn cuts(&self) -> Vec<(MemberId, MemberId)> {
        let ids = self.cluster.ids();
        let leader = self.leader();
        let any = ids[usize::try_from(self.random.below(ids.len() as u64)).unwrap_or(0)];
        let one = if self.random.below(2) == 0 { leader.unwrap_or(any) } else { any };
        let pairs: Vec<(MemberId, MemberId)> =
            ids.iter().flat_map(|a| ids.iter().map(|b| (*a, *b))).filter(|(a, b)| a != b).collect();
        let half = ids.len() / 2;
        let count = ids.len();
        let place = |id: MemberId| ids.iter().position(|it| *it == id).unwrap_or(0);
        let kind = self.random.below(5);
        let cut = |&(from, to): &(MemberId, MemberId)| match kind {
            0 => from == one || to == one,
            1 => from == one,
            2 => to == one,
            3 => (place(from) <= half) != (place(to) <= half),
            // Everyone talks to its neighbours only; with three members one pair is apart.
            _ if count == 3 => from != one && to != one,
            _ => {
                let apart = (place(from) + count - place(to)) % count;
                apart != 1 && apart != count - 1
            }
        };
        pairs.into_iter().filter(cut).collect()
    }

    fn leader(&self) -> Option<MemberId> {
        let nodes = self.cluster.nodes();
        let leads = |core: &quorate_member::Core| core.status().leading().is_some();
        nodes.iter().find(|(_, node)| node.core.as_ref().is_some_and(leads)).map(|(id, _)| *id)
    }

    fn kind(&self) -> Crash {
        match self.random.below(5) {
            0 => Crash::KeepAll,
            1 => Crash::LoseAll,
            2 => Crash::Prefix,
            _ => Crash::Tear,
        }
    }

    /// Takes a member down now and starts it again later.
    async fn bounce(&self, id: MemberId) {
        self.cluster.take_down(id, self.kind());
        self.wait(5, if self.random.below(2) == 0 { 100 } else { 1500 }).await;
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.cluster.start(id);
    }

    async fn crash(&self) {
        if self.random.below(8) == 0 {
            let all: Vec<_> = self.cluster.ids().into_iter().map(|id| self.bounce(id)).collect();
            futures::future::join_all(all).await;
        } else if let Some(id) = self.victim() {
            self.bounce(id).await;
        }
    }

    fn victim(&self) -> Option<MemberId> {
        let leader = self.leader();
        if self.random.below(2) == 0 { leader.or_else(|| self.any()) } else { self.any() }
    }

    /// Lets the power go off in the middle of what the disk is told.
    async fn power(&self) {
        let count = self.random.below(9);
        let Some((id, incarnation)) = self.afflict(|disk| disk.power_off_after(count)) else {
            return;
        };
        for _ in 0..200 {
            self.cluster.clock.sleep(ms(3)).await;
            let dead = {
                let nodes = self.cluster.nodes();
                let Some(node) = nodes.get(&id) else { return };
                if node.incarnation != incarnation {
                    return;
                }
                node.disk.is_dead()
            };
            if dead {
                break;
            }
        }
        self.bounce(id).await;
    }

    /// Gives a running member's disk a fault that may end the member.
    fn afflict(&self, fault: impl FnOnce(&SimDisk)) -> Option<(MemberId, u64)> {
        let id = self.victim()?;
        let mut nodes = self.cluster.nodes();
        let node = nodes.get_mut(&id).filter(|node| node.health == Health::Up)?;
        node.ailing = true;
        fault(&node.disk);
        Some((id, node.incarnation))
    }

    async fn ail(&self, fault: impl FnOnce(&SimDisk)) {
        let Some((id, incarnation)) = self.afflict(fault) else { return };
        self.wait(50, 900).await;
        let same = self.cluster.nodes().get(&id).is_some_and(|it| it.incarnation == incarnation);
        if same {
            self.bounce(id).await;
        }
    }

    async fn pause(&self) {
        let Some(id) = self.victim() else { return };
        self.cluster.control.pause(host_of(id));
        let long = self.random.below(4) == 0;
        self.wait(20, if long { 3000 } else { 600 }).await;
        self.cluster.control.resume(host_of(id));
    }

    async fn slow_disk(&self) {
        let Some(id) = self.any() else { return };
        let max = ms(10 + self.random.below(300));
        self.cluster.control.set_latency(host_of(id), Latency { min: max / 4, max });
        self.wait(100, 1500).await;
        self.cluster.control.set_latency(host_of(id), Latency::default());
    }

    fn skew(&self) {
        let Some(id) = self.any() else { return };
        let host = host_of(id);
        let ppm = i64::try_from(self.random.below(1001)).unwrap_or(0) - 500;
        self.cluster.control.set_drift(host, ppm);
        let seconds = i64::try_from(self.random.below(1200)).unwrap_or(0) - 600;
        self.cluster.control.jump_wall(host, seconds);
    }

    async fn transfer(&self) {
        let (Some(leader), Some(to)) = (self.leader(), self.any()) else { return };
        let Some((core, _)) = self.cluster.core(leader) else { return };
        let transfer = self.cluster.control.spawn_on(host_of(leader), async move {
            core.consensus().transfer_leadership(to).await;
        });
        // Whatever comes of it.
        let _ = transfer.await;
    }

    /// Stops a member as an operator does and starts it again.
    async fn restart(&self) {
        let Some((id, core, incarnation)) = self.cluster.any(&*self.random) else { return };
        if let Some(node) = self.cluster.nodes().get_mut(&id) {
            node.stopping = true;
        }
        let stopping = self.cluster.control.spawn_on(host_of(id), async move {
            core.hand_over().await;
            core.stop().await;
        });
        // Paused or without a disk it takes too long; then it is killed.
        let _ = quorate_seams::timeout(&*self.cluster.clock, ms(1500), stopping).await;
        let same = self.cluster.nodes().get(&id).is_some_and(|it| it.incarnation == incarnation);
        if same {
            self.bounce(id).await;
        }
    }

    async fn snapshot(&self) {
        let Some((id, core, _)) = self.cluster.any(&*self.random) else { return };
        let durable = self.cluster.control.spawn_on(host_of(id), async move {
            core.consensus().make_durable().await;
        });
        // Whatever comes of it.
        let _ = durable.await;
    }

    /// Turns bits of durable log bytes around, on no more members than may be lost for good. The
    /// newest segment is left alone: in its last group rot cannot be told from a torn write.
    async fn rot(&self) {
        let Some(id) = self.any() else { return };
        let spare = self.cluster.can_spare_one();
        let disk = {
            let mut nodes = self.cluster.nodes();
            let Some(node) = nodes.get_mut(&id) else { return };
            if !node.rotten && !spare {
                return;
            }
            node.rotten = true;
            node.disk.clone()
        };
        let dir = Path::new("/data/log");
        let Ok(names) = disk.list(dir) else { return };
        let mut logs: Vec<String> =
            names.into_iter().filter(|name| name.ends_with(".log")).collect();
        logs.pop();
        if !logs.is_empty() {
            let at = usize::try_from(self.random.below(logs.len() as u64)).unwrap_or(0);
            for _ in 0..1 + self.random.below(4) {
                let offset = self.random.below(self.cluster.plan.segment_bytes);
                let bit = u32::try_from(self.random.below(8)).unwrap_or(0);
                // The file may be recycled at this very moment.
                let _ = disk.flip_bit(&dir.join(&logs[at]), offset, bit);
            }
        }
        if self.random.below(2) == 0 {
            self.bounce(id).await;
        }
    }

    /// Empties the disk of a member whose log the others know, and starts it under its old id.
    async fn wipe(&self) {
        let Some(id) = self.victim().filter(|_| self.cluster.can_spare_one()) else { return };
        let up = self.cluster.with_health(Health::Up);
        let mut cores = up.into_iter().filter_map(|it| self.cluster.core(it));
        let known = cores.all(|(core, _)| core.consensus().recognises(id));
        let voter = self.cluster.nodes().get(&id).is_some_and(|node| node.voter && !node.rotten);
        if !known || !voter {
            return;
        }
        self.cluster.take_down(id, self.kind());
        self.cluster.wipe(id);
        self.wait(5, 300).await;
        self.cluster.start(id);
    }

    /// Exchanges a member's disk for a copy of what it was a while before. What was acknowledged in
    /// between is missed only by those who saw it, and they run: nothing else goes wrong meanwhile.
    async fn set_back(&self) {
        let cluster = &self.cluster;
        let all_up = || cluster.with_health(Health::Up) == cluster.ids();
        let quiet = || {
            self.active.load(Ordering::Relaxed) == 1
                && !cluster.changing.load(Ordering::Relaxed)
                && all_up()
        };
        let quiet = self.until(ms(3000), quiet).await && cluster.can_spare_one();
        let Some(id) = self.victim().filter(|_| quiet) else { return };
        let mut cores = cluster.ids().into_iter().filter_map(|it| cluster.core(it));
        let known = cores.all(|(core, _)| core.consensus().recognises(id));
        let voter = cluster.nodes().get(&id).is_some_and(|it| it.voter && !it.is_damaged());
        if !known || !voter {
            return;
        }
        let voters = || cluster.core(id).map(|(core, _)| core.consensus().voters());
        let belong = || (cluster.ids(), voters());
        let belonged = belong();
        let Some(copy) = cluster.copy(id) else { return };
        self.wait(50, 900).await;
        let Some(reached) = cluster.copy(id).map(|copy| copy.last) else { return };
        if !self.until(ms(3000), || self.is_witnessed(id, reached)).await || !all_up() {
            return;
        }
        // The copy does not know of members that came since, who may be all that saw what it lacks; and
        // while voters change, a majority of the old ones is needed, too.
        if belong() != belonged || !cluster.can_spare_one() {
            return;
        }
        // Nobody need have seen a vote, or an entry, that came just now.
        let Some(now) = cluster.copy(id) else { return };
        if now.vote != copy.vote || (copy.last == reached && now.last != reached) {
            return;
        }
        cluster.take_down(id, self.kind());
        let lacks = copy.last < reached;
        cluster.set_back(id, copy, lacks);
        self.wait(5, 300).await;
        self.restarts.fetch_add(1, Ordering::Relaxed);
        cluster.start(id);
        let health = || cluster.nodes().get(&id).map(|node| node.health);
        self.until(ms(3000), || health() != Some(Health::Starting)).await;
    }

    /// Whether another member has seen so much of a member's log.
    fn is_witnessed(&self, id: MemberId, reached: LogIndex) -> bool {
        let others = self.cluster.ids().into_iter().filter(|other| *other != id);
        let mut cores = others.filter_map(|other| self.cluster.core(other));
        cores.any(|(core, _)| core.consensus().seen_of(id) >= Some(reached))
    }

    /// Waits until a condition holds; false if it does not within a time.
    async fn until(&self, patience: Duration, holds: impl Fn() -> bool) -> bool {
        let ends = self.cluster.control.now() + patience;
        while !holds() {
            if self.cluster.control.now() >= ends {
                return false;
            }
            self.cluster.clock.sleep(ms(20)).await;
        }
        true
    }

    /// Ends every fault and starts whoever can be started.
    pub(crate) fn heal(&self) {
        let cluster = &self.cluster;
        cluster.net.heal();
        for id in cluster.ids() {
            let host = host_of(id);
            cluster.control.resume(host);
            cluster.control.set_latency(host, Latency::default());
            let sick = cluster.nodes().get(&id).is_some_and(|node| {
                node.ailing
                    || node.stopping
                    || matches!(node.health, Health::Down | Health::Starting)
                    || gave_up(node.core.as_ref())
            });
            if sick {
                cluster.take_down(id, self.kind());
                cluster.start(id);
            }
        }
    }
}

impl Chaos {
    /// Starts members anew that have come upon damaged bytes only now.
    pub(crate) fn restart_the_rotten(&self) {
        let cluster = &self.cluster;
        for id in cluster.with_health(Health::Up) {
            let found = |node: &Node| node.rotten && gave_up(node.core.as_ref());
            if cluster.nodes().get(&id).is_some_and(found) {
                cluster.take_down(id, self.kind());
                cluster.start(id);
            }
        }
    }
}

fn gave_up(core: Option<&quorate_member::Core>) -> bool {
    core.is_some_and(|core| core.consensus().leadership().borrow().failed.is_some())
}
