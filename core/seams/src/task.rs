//! Tasks that live no longer than their owner.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::task::JoinHandle;

/// A running task; dropping it stops the task at its next await point.
#[derive(Debug)]
#[must_use = "dropping a task stops it"]
pub struct Task<T> {
    handle: JoinHandle<T>,
}

/// Starts a task on the current runtime. It stops when the returned value is dropped.
#[allow(clippy::disallowed_methods, reason = "this is the seam")]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Task { handle: tokio::spawn(future) }
}

/// Runs blocking work off the async threads and waits for it; `None` if it panicked.
pub async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

impl<T> Task<T> {
    /// Waits for the end: `None` if the task panicked or was stopped.
    pub async fn join(mut self) -> Option<T> {
        (&mut self.handle).await.ok()
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Stops the task and waits until it no longer runs.
    pub async fn stop(mut self) {
        self.handle.abort();
        // Either it ended before or it was cancelled: both mean that it no longer runs.
        let _ = (&mut self.handle).await;
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// The tasks of one component: all stop when the set is dropped or stopped.
#[derive(Debug, Default)]
pub struct TaskSet {
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    running: Vec<Task<()>>,
    /// Ended tasks are forgotten when the list has grown to this: constant cost per task.
    tidy_at: usize,
}

impl TaskSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task in the set.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.running.len() >= tasks.tidy_at {
            tasks.running.retain(|task| !task.is_finished());
            tasks.tidy_at = (2 * tasks.running.len()).max(64);
        }
        tasks.running.push(spawn(future));
    }

    /// Stops every task and waits until none runs any more.
    pub async fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks.running {
            task.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn dropping_the_owner_stops_the_task() {
        let (held, ended) = oneshot::channel::<()>();
        let task = spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        drop(task);
        assert!(ended.await.is_err(), "the task dropped its half when it was stopped");
    }

    #[tokio::test]
    async fn join_gives_the_result() {
        assert_eq!(spawn(async { 7 }).join().await, Some(7));
    }
}
