//! Wakers: a woken task is noted and sorted in before the next choice.

use super::state::Shared;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

/// Wakes one task.
pub(super) struct TaskWaker {
    pub(super) id: u64,
    pub(super) shared: Weak<Shared>,
    /// Whether it is noted already.
    pub(super) queued: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        if self.queued.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(shared) = self.shared.upgrade() {
            shared.woken(self.id);
        }
    }
}
