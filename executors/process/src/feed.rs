//! Hints about changes, from every shim into one channel.
//!
//! One background task per pod reads its shim's subscription. The channel is bounded: a receiver
//! that lags loses hints, which the contract allows.

use crate::pod::{Pod, read_reply};
use crate::wire::Reply;
use futures::stream::{BoxStream, StreamExt, unfold};
use quorate_executor::Event;
use quorate_seams::{SharedClock, TaskSet};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Hints that a slow receiver may be behind.
const CAPACITY: usize = 1024;

/// How often to look whether the tasks of a dead shim are gone.
const DYING_STEP: Duration = Duration::from_millis(20);

/// The hints of all pods.
#[derive(Debug)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Event>,
    watched: Arc<Mutex<HashSet<PathBuf>>>,
    clock: SharedClock,
    tasks: TaskSet,
}

impl Feed {
    pub(crate) fn new(clock: SharedClock) -> Self {
        let (sender, _) = broadcast::channel(CAPACITY);
        Self { sender, watched: Arc::default(), clock, tasks: TaskSet::new() }
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

    /// Follows a pod until its shim is gone, unless it is followed already.
    pub(crate) fn watch(&self, pod: Pod) {
        let watch = Watch {
            sender: self.sender.clone(),
            watched: self.watched.clone(),
            clock: self.clock.clone(),
        };
        if watch.claim(&pod) {
            self.tasks.spawn(watch.follow(pod));
        }
    }
}

struct Watch {
    sender: broadcast::Sender<Event>,
    watched: Arc<Mutex<HashSet<PathBuf>>>,
    clock: SharedClock,
}

impl Watch {
    fn claim(&self, pod: &Pod) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.insert(pod.records().dir().to_owned())
    }

    fn release(&self, pod: &Pod) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.remove(pod.records().dir());
    }

    async fn follow(self, pod: Pod) {
        loop {
            if let Ok(stream) = pod.subscribe().await {
                self.relay(stream).await;
                self.hint_all(&pod);
            }
            // Given up before the look at the lock: whoever starts a new shim after it follows that.
            self.release(&pod);
            if !pod.is_dying().await {
                self.hint_all(&pod);
                return;
            }
            if !self.claim(&pod) {
                return;
            }
            self.clock.sleep(DYING_STEP).await;
        }
    }

    async fn relay(&self, mut stream: UnixStream) {
        while let Ok(reply) = read_reply(&mut stream).await {
            if let Reply::Changed(task) = reply {
                // Nobody may be listening now.
                let _ = self.sender.send(Event { task });
            }
        }
    }

    /// After the end of a shim any of its tasks may have changed.
    fn hint_all(&self, pod: &Pod) {
        for task in pod.records().list().unwrap_or_default() {
            // As above.
            let _ = self.sender.send(Event { task });
        }
    }
}
