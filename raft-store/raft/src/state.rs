//! The state as the parts of consensus share it, counted: shutdown waits for the last of them.

use quorate_mvcc::Mvcc;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;

/// A share of the state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    mvcc: Arc<Mvcc>,
    _held: mpsc::Sender<()>,
}

impl State {
    /// The first share, and what ends when the last one has been dropped.
    pub(crate) fn new(mvcc: Arc<Mvcc>) -> (Self, mpsc::Receiver<()>) {
        let (held, released) = mpsc::channel(1);
        (Self { mvcc, _held: held }, released)
    }
}

/// A share that keeps nothing alive.
#[derive(Clone, Debug)]
pub(crate) struct WeakState {
    mvcc: Weak<Mvcc>,
    held: mpsc::WeakSender<()>,
}

impl State {
    pub(crate) fn downgrade(&self) -> WeakState {
        WeakState { mvcc: Arc::downgrade(&self.mvcc), held: self._held.downgrade() }
    }
}

impl WeakState {
    /// A share, while there are others.
    pub(crate) fn upgrade(&self) -> Option<State> {
        Some(State { _held: self.held.upgrade()?, mvcc: self.mvcc.upgrade()? })
    }
}

impl Deref for State {
    type Target = Mvcc;

    fn deref(&self) -> &Mvcc {
        &self.mvcc
    }
}
