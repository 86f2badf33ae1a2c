//! Hints about changes: one stream of the engine's events for all tasks of a node.
//!
//! The stream begins at the time when the feed was made and, after a loss, where it ended; what an
//! engine that was restarted has forgotten is made up for by a hint about every task. The channel is
//! bounded: a receiver that lags loses hints, which the contract allows.

use crate::calls::Calls;
use crate::names;
use futures::stream::{BoxStream, StreamExt, unfold};
use quorate_executor::{Event, TaskId};
use quorate_seams::{Task, spawn};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Hints that a slow receiver may be behind.
const CAPACITY: usize = 1024;

/// How long to wait before an engine that was lost is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// The hints of a node.
#[derive(Debug)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Event>,
    _listener: Task<()>,
}

impl Feed {
    /// Listens to the engine for as long as it lives.
    pub(crate) fn start(calls: Calls, node: String) -> Self {
        let (sender, _) = broadcast::channel(CAPACITY);
        let labels = vec![(names::NODE.to_owned(), node)];
        let since_secs = calls.clock.wall().as_secs();
        let listener = Listener { calls, labels, since_secs, sender: sender.clone() };
        Self { sender, _listener: spawn(listener.run()) }
    }

    /// Hints from now on.
    pub(crate) fn events(&self) -> BoxStream<'static, Event> {
        let receiver = self.sender.subscribe();
        unfold(receiver, |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(event) => return Some((event, receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}

struct Listener {
    calls: Calls,
    labels: Vec<(String, String)>,
    since_secs: i64,
    sender: broadcast::Sender<Event>,
}

impl Listener {
    async fn run(mut self) {
        loop {
            self.listen().await;
            self.calls.clock.sleep(RETRY).await;
            self.hint_all().await;
        }
    }

    /// Until the stream breaks.
    async fn listen(&mut self) {
        let mut happenings = self.calls.engine.events(&self.labels, self.since_secs);
        while let Some(Ok(happening)) = happenings.next().await {
            self.since_secs = self.since_secs.max(happening.wall_secs);
            if let Some(task) = names::task(&happening.labels) {
                self.hint(task);
            }
        }
    }

    async fn hint_all(&self) {
        let Ok(names) = self.calls.ask(self.calls.engine.list(&self.labels)).await else { return };
        for name in names {
            if let Ok(Some(container)) = self.calls.ask(self.calls.engine.inspect(&name)).await
                && let Some(task) = names::task(&container.labels)
            {
                self.hint(task);
            }
        }
    }

    fn hint(&self, task: TaskId) {
        // Nobody may be listening now.
        let _ = self.sender.send(Event { task });
    }
}
