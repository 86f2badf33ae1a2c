//! What makes a computing guest yield: a thread that counts the engine's epoch up.
//!
//! Invariant: it ticks while a guest has its turn and sleeps otherwise; a node of idle guests has no
//! wake-ups from it.

use quorate_seams::Thread;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wasmtime::Engine;

/// How long a turn of a computing guest is.
const TICK: Duration = Duration::from_millis(1);

#[derive(Debug, Default)]
struct State {
    turns: usize,
    /// Whether the thread waits for a turn, rather than for time to pass.
    asleep: bool,
    ended: bool,
}

/// The thread, and who needs it.
pub(crate) struct Ticker {
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: Thread,
}

/// A turn of a guest; ends when it is dropped.
pub(crate) struct Turn<'t>(&'t Ticker);

impl Ticker {
    /// Starts the thread for an engine.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(engine: &Engine) -> io::Result<Self> {
        let shared: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let (its, engine) = (Arc::clone(&shared), engine.clone());
        let thread = Thread::start("wasm-epochs", async move { tick(&its, &engine) })?;
        Ok(Self { shared, thread })
    }

    /// A guest has its turn.
    pub(crate) fn enter(&self) -> Turn<'_> {
        let mut state = locked(&self.shared.0);
        state.turns += 1;
        if std::mem::take(&mut state.asleep) {
            self.shared.1.notify_one();
        }
        Turn(self)
    }
}

fn tick(shared: &(Mutex<State>, Condvar), engine: &Engine) {
    let (state, woken) = shared;
    let mut state = locked(state);
    while !state.ended {
        state = if state.turns == 0 {
            state.asleep = true;
            woken.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            let waited = woken.wait_timeout(state, TICK);
            engine.increment_epoch();
            waited.unwrap_or_else(PoisonError::into_inner).0
        };
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        locked(&self.0.shared.0).turns -= 1;
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        locked(&self.shared.0).ended = true;
        self.shared.1.notify_one();
        self.thread.join();
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticker")
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
