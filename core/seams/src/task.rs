//! Tasks that live no longer than their owner.

use crate::world::{self, WorldHandle, WorldSleep};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::task::JoinHandle;

/// Why a task has no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    /// It panicked with this message.
    #[error("the task panicked: {0}")]
    Panicked(String),
    /// It was stopped, or its runtime was.
    #[error("the task was stopped")]
    Stopped,
}

/// A task that runs on when this handle is dropped; awaiting it gives its result.
pub struct Detached<T>(Runs<T>);

enum Runs<T> {
    Tokio(JoinHandle<T>),
    World(WorldHandle<T>),
}

/// Starts a task on the current runtime, or in the world this code runs in, and lets it run on.
#[allow(clippy::disallowed_methods, reason = "this is the seam")]
pub fn spawn_detached<F>(future: F) -> Detached<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Detached(match world::current() {
        Some(current) => Runs::World(WorldHandle::spawn(&current, future)),
        None => Runs::Tokio(tokio::spawn(future)),
    })
}

impl<T> Detached<T> {
    pub(crate) fn of_world(handle: WorldHandle<T>) -> Self {
        Self(Runs::World(handle))
    }

    /// Stops the task at its next await point.
    pub fn abort(&self) {
        match &self.0 {
            Runs::Tokio(handle) => handle.abort(),
            Runs::World(handle) => handle.abort(),
        }
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Runs::Tokio(handle) => handle.is_finished(),
            Runs::World(handle) => handle.is_finished(),
        }
    }
}

impl<T> Future for Detached<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Runs::World(handle) => Pin::new(handle).poll(cx),
            Runs::Tokio(handle) => Pin::new(handle).poll(cx).map_err(|error| {
                if error.is_panic() {
                    JoinError::Panicked(error.to_string())
                } else {
                    JoinError::Stopped
                }
            }),
        }
    }
}

impl<T> fmt::Debug for Detached<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached").field("finished", &self.is_finished()).finish()
    }
}

/// A running task; dropping it stops the task at its next await point.
#[derive(Debug)]
#[must_use = "dropping a task stops it"]
pub struct Task<T> {
    handle: Detached<T>,
}

/// Starts a task on the current runtime. It stops when the returned value is dropped.
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Task { handle: spawn_detached(future) }
}

/// Runs blocking work off the async threads and waits for it; `None` if it panicked. In a world it
/// runs inline, after the time that the host's latency gives it.
pub async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let Some(current) = world::current() else {
        return tokio::task::spawn_blocking(work).await.ok();
    };
    let work = async {
        blocking_takes_time().await;
        work()
    };
    WorldHandle::spawn(&current, work).await.ok()
}

/// In a world, waits as long as a piece of blocking work takes there; in production, not at all.
pub(crate) async fn blocking_takes_time() {
    if let Some(current) = world::current() {
        let latency = current.shared.draw_latency(current.host);
        let now = Duration::from_nanos(current.shared.local_now(current.host));
        WorldSleep::new(&current.shared, current.host, now + latency).await;
    }
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
