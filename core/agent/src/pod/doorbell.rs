//! How a pod's actor is told that something may have changed.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Rung by anyone, answered by one actor; any number of rings in a row are one.
#[derive(Debug, Default)]
pub(crate) struct Doorbell {
    tasks: AtomicBool,
    sources: AtomicBool,
    notify: Notify,
}

impl Doorbell {
    /// A task may have changed: look at it.
    pub(crate) fn tasks_changed(&self) {
        self.tasks.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// A ConfigMap or Secret has changed: what waited for it may go on.
    pub(crate) fn sources_changed(&self) {
        self.sources.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Waits for a ring.
    pub(crate) async fn rung(&self) {
        self.notify.notified().await;
    }

    /// Whether tasks, and whether sources, have changed since the last call.
    pub(crate) fn answer(&self) -> (bool, bool) {
        let take = |flag: &AtomicBool| flag.swap(false, Ordering::AcqRel);
        (take(&self.tasks), take(&self.sources))
    }
}
