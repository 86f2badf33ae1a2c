//! Tasks, timers and hosts of a world, and whose turn it is.
//!
//! Invariant: no future and no waker is dropped, polled or woken under the lock, except wakers of
//! timers, which only note.

use super::clock::HostClock;
use super::context::Entered;
use super::model::{Choice, Host, Latency, Panicked, Stuck};
use super::timer::TimerKey;
use super::waker::TaskWaker;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The future that [`super::World::block_on`] runs.
const MAIN: u64 = 0;

/// What all parts of a world share.
pub(crate) struct Shared {
    state: Mutex<State>,
    woken: Mutex<Vec<u64>>,
}

struct Slot {
    host: Host,
    /// Out while it is polled.
    future: Option<BoxFuture<'static, ()>>,
    waker: Arc<TaskWaker>,
    aborted: bool,
}

#[derive(Default)]
pub(super) struct HostState {
    pub(super) paused: bool,
    pub(super) halted: bool,
    /// Its tasks are being dropped: new ones are dropped at once.
    pub(super) dying: bool,
    /// Tasks that would run if the host did.
    held: Vec<u64>,
    pub(super) clock: HostClock,
    pub(super) latency: Latency,
}

pub(super) struct State {
    pub(super) now: u64,
    random: u64,
    next_task: u64,
    next_timer: u64,
    tasks: BTreeMap<u64, Slot>,
    ready: VecDeque<u64>,
    pub(super) timers: BTreeMap<TimerKey, Waker>,
    hosts: BTreeMap<Host, HostState>,
    pub(super) choice: Choice,
    pub(super) slack: u64,
    pub(super) budget: u64,
    pub(super) hash: u64,
    pub(super) polls: u64,
    pub(super) panics: Vec<Panicked>,
}

/// A task that is about to be polled.
pub(super) struct Turn {
    id: u64,
    host: Host,
    future: BoxFuture<'static, ()>,
    waker: Arc<TaskWaker>,
    aborted: bool,
}

/// What happens next.
pub(super) enum Next {
    Main,
    Task(Turn),
    /// Time has passed.
    Leapt,
}

impl Shared {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let state = State {
            now: 0,
            random: seed,
            next_task: MAIN + 1,
            next_timer: 0,
            tasks: BTreeMap::new(),
            ready: VecDeque::new(),
            timers: BTreeMap::new(),
            hosts: BTreeMap::new(),
            choice: Choice::default(),
            slack: 0,
            budget: u64::MAX,
            hash: seed,
            polls: 0,
            panics: Vec::new(),
        };
        Arc::new(Self { state: Mutex::new(state), woken: Mutex::default() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        Duration::from_nanos(self.lock().now)
    }

    /// The host's clock, in nanoseconds.
    pub(crate) fn local_now(&self, host: Host) -> u64 {
        self.lock().local_now(host)
    }

    /// The next number of the world's own random stream.
    pub(crate) fn draw(&self) -> u64 {
        self.lock().draw()
    }

    /// How long a piece of blocking work of the host takes.
    pub(crate) fn draw_latency(&self, host: Host) -> Duration {
        let mut state = self.lock();
        let Latency { min, max } = state.host(host).latency;
        let spread = u64::try_from((max.saturating_sub(min)).as_nanos()).unwrap_or(0);
        min + Duration::from_nanos(state.draw() % (spread + 1))
    }

    pub(super) fn hosts(&self) -> Vec<Host> {
        let state = self.lock();
        let mut hosts: Vec<Host> = state.tasks.values().map(|slot| slot.host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// The waker of the future that is run to its end; it is woken already.
    pub(super) fn main_waker(self: &Arc<Self>) -> Arc<TaskWaker> {
        self.woken(MAIN);
        let queued = AtomicBool::new(true);
        Arc::new(TaskWaker { id: MAIN, shared: Arc::downgrade(self), queued })
    }

    pub(super) fn woken(&self, id: u64) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    pub(super) fn panicked(&self, host: Host, message: String) {
        self.lock().panics.push(Panicked { host, message });
    }

    pub(super) fn start(self: &Arc<Self>, host: Host, future: BoxFuture<'static, ()>) -> u64 {
        let mut state = self.lock();
        let id = state.next_task;
        state.next_task += 1;
        if state.host(host).dying {
            drop(state);
            drop(future);
            return id;
        }
        let (shared, queued) = (Arc::downgrade(self), AtomicBool::new(true));
        let waker = Arc::new(TaskWaker { id, shared, queued });
        state.tasks.insert(id, Slot { host, future: Some(future), waker, aborted: false });
        drop(state);
        self.woken(id);
        id
    }

    pub(super) fn abort(&self, id: u64) {
        if let Some(slot) = self.lock().tasks.get_mut(&id) {
            slot.aborted = true;
        } else {
            return;
        }
        self.woken(id);
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.lock().tasks.contains_key(&id)
    }

    /// Chooses who runs, or lets time pass.
    pub(super) fn next(&self) -> Result<Next, Stuck> {
        let mut woken =
            std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        woken.sort_unstable();
        woken.dedup();
        let mut state = self.lock();
        state.ready.extend(woken);
        while let Some(id) = state.choose() {
            if id == MAIN {
                state.count(MAIN, Host::HARNESS)?;
                return Ok(Next::Main);
            }
            if let Some(turn) = state.turn(id) {
                state.count(id, turn.host)?;
                return Ok(Next::Task(turn));
            }
        }
        let due = state.leap()?;
        drop(state);
        for waker in due {
            waker.wake();
        }
        Ok(Next::Leapt)
    }

    pub(super) fn poll(self: &Arc<Self>, turn: Turn) {
        let Turn { id, host, mut future, waker, aborted } = turn;
        let _entered = Entered::new(self, host);
        if aborted {
            self.lock().tasks.remove(&id);
            return drop(future);
        }
        waker.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(waker);
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut state = self.lock();
        let ended = polled == Poll::Ready(());
        match state.tasks.get_mut(&id) {
            Some(slot) if !ended => slot.future = Some(future),
            _ => {
                let slot = state.tasks.remove(&id);
                drop(state);
                drop((slot, future));
            }
        }
    }
}

impl State {
    pub(super) fn host(&mut self, host: Host) -> &mut HostState {
        self.hosts.entry(host).or_default()
    }

    pub(super) fn local_now(&mut self, host: Host) -> u64 {
        let now = self.now;
        self.host(host).clock.local(now)
    }

    pub(super) fn set_drift(&mut self, host: Host, ppm: i64) {
        let now = self.now;
        self.host(host).clock.set_drift(now, ppm);
    }

    pub(super) fn set_timer(&mut self, host: Host, local: u64, waker: &Waker) -> TimerKey {
        let slack = if self.slack == 0 { 0 } else { self.draw() % self.slack };
        let due = self.host(host).clock.world(local).max(self.now + 1).saturating_add(slack);
        self.next_timer += 1;
        let key = (due, self.next_timer);
        self.timers.insert(key, waker.clone());
        key
    }

    pub(super) fn resume(&mut self, host: Host) {
        let state = self.host(host);
        state.paused = false;
        let held = std::mem::take(&mut state.held);
        self.ready.extend(held);
    }

    pub(super) fn take_tasks(&mut self, host: Host) -> Vec<BoxFuture<'static, ()>> {
        let ids: Vec<u64> =
            self.tasks.iter().filter(|(_, slot)| slot.host == host).map(|(id, _)| *id).collect();
        self.host(host).held.clear();
        ids.into_iter().filter_map(|id| self.tasks.remove(&id)?.future).collect()
    }

    pub(super) fn note(&mut self, fact: u64) {
        let mixed = (self.hash.rotate_left(5) ^ fact).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = mixed ^ (mixed >> 29);
    }

    /// SplitMix64, as [`crate::SeededRandom`].
    pub(super) fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn count(&mut self, id: u64, host: Host) -> Result<(), Stuck> {
        self.polls += 1;
        if self.polls > self.budget {
            let now = Duration::from_nanos(self.now);
            return Err(Stuck::Busy { now, polls: self.polls });
        }
        self.note(id ^ (u64::from(host.0) << 48));
        self.note(self.now);
        Ok(())
    }

    fn choose(&mut self) -> Option<u64> {
        let count = self.ready.len();
        if count <= 1 {
            return self.ready.pop_front();
        }
        let draw = self.draw();
        let any = usize::try_from(draw % count as u64).unwrap_or(0);
        let at = match self.choice {
            Choice::Fifo => 0,
            Choice::Any => any,
            Choice::Lifo if draw >> 60 == 0 => any,
            Choice::Lifo => count - 1,
        };
        self.ready.remove(at)
    }

    /// Takes the task out to be polled, if it is there and its host runs.
    fn turn(&mut self, id: u64) -> Option<Turn> {
        let slot = self.tasks.get_mut(&id)?;
        let host = self.hosts.entry(slot.host).or_default();
        if host.paused || host.halted {
            host.held.push(id);
            return None;
        }
        let future = slot.future.take()?;
        let (host, waker, aborted) = (slot.host, Arc::clone(&slot.waker), slot.aborted);
        Some(Turn { id, host, future, waker, aborted })
    }

    /// Moves time to the next timer; gives those that are due then.
    fn leap(&mut self) -> Result<Vec<Waker>, Stuck> {
        let now = Duration::from_nanos(self.now);
        let Some((&(due, _), _)) = self.timers.first_key_value() else {
            return Err(Stuck::Idle { now });
        };
        self.now = self.now.max(due);
        let later = self.timers.split_off(&(self.now + 1, 0));
        let due = std::mem::replace(&mut self.timers, later);
        Ok(due.into_values().collect())
    }
}
