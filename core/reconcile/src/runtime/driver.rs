//! The loop of one reconciler: changes in, keys out, at most one run per key at a time.
//!
//! Everything runs inside one task, so stopping the task stops every run at its next await point,
//! and the queue needs no lock.

use crate::own_writes::OwnWrites;
use crate::queue::{Outcome, WorkQueue};
use crate::{Cache, CacheChange, Context, Error, Next, Reconciler, Snapshot, Update, Watch};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use quorate_resources::Objects;
use quorate_types::{ObjectKey, Revision};
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// A failure that repeats this often is no longer a mere race with another writer.
const STALE_IS_NORMAL: u32 = 5;

pub(super) struct Driver {
    pub(super) reconciler: Arc<dyn Reconciler>,
    pub(super) objects: Objects,
    pub(super) writes: Arc<OwnWrites>,
    pub(super) cache: Arc<Cache>,
    pub(super) workers: usize,
    pub(super) depth: Arc<AtomicUsize>,
    /// Dropped with the driver: tells that it has ended.
    pub(super) _alive: mpsc::Sender<Infallible>,
}

type Finished = (ObjectKey, Result<Next, Error>);
type Runs = FuturesUnordered<BoxFuture<'static, Finished>>;

impl Driver {
    /// Runs until it is dropped, the cache is gone, or a write was fenced.
    pub(super) async fn run(self, from: Revision) {
        self.cache.wait_for(from).await;
        let watches = self.reconciler.watches();
        let (snapshot, mut changes) = self.cache.subscribe();
        let mut queue = WorkQueue::default();
        enqueue_existing(&mut queue, &watches, &snapshot);
        drop(snapshot);
        let mut runs = Runs::new();
        loop {
            self.hand_out(&mut queue, &runs);
            let due = self.until_due(&queue, runs.len());
            tokio::select! {
                Some(finished) = runs.next() => {
                    if self.finish(&mut queue, finished).is_break() {
                        return;
                    }
                }
                update = changes.next() => match update {
                    Some(update) => enqueue(&mut queue, &watches, &update),
                    None => return,
                },
                () = due => {}
            }
        }
    }

    /// Starts as many ready keys as there are workers.
    fn hand_out(&self, queue: &mut WorkQueue<ObjectKey>, runs: &Runs) {
        let now = self.objects.seams().clock.now();
        while runs.len() < self.workers
            && let Some(key) = queue.pop(now)
        {
            runs.push(self.pass(key));
        }
        self.depth.store(queue.depth(), Ordering::Relaxed);
    }

    /// Waits for the next delayed key, for ever if there is none or no worker to take it.
    fn until_due(&self, queue: &WorkQueue<ObjectKey>, running: usize) -> BoxFuture<'static, ()> {
        let clock = &self.objects.seams().clock;
        match queue.next_due(clock.now()) {
            Some(due) if running < self.workers => clock.sleep_until(due),
            _ => futures::future::pending().boxed(),
        }
    }

    /// One pass, on a snapshot that shows everything this reconciler has written.
    fn pass(&self, key: ObjectKey) -> BoxFuture<'static, Finished> {
        let (reconciler, cache) = (Arc::clone(&self.reconciler), Arc::clone(&self.cache));
        let (objects, writes) = (self.objects.clone(), Arc::clone(&self.writes));
        async move {
            let attempt = async {
                let snapshot = cache.wait_for(writes.revision().await?).await;
                let cx = Context::new(reconciler.name(), snapshot, objects);
                reconciler.reconcile(&cx, &key).await
            };
            // A panic in one pass must not end the others.
            let result = AssertUnwindSafe(attempt).catch_unwind().await;
            let result = result.unwrap_or_else(|_| Err(Error::failed("the reconciler panicked")));
            (key, result)
        }
        .boxed()
    }

    fn finish(&self, queue: &mut WorkQueue<ObjectKey>, (key, result): Finished) -> ControlFlow<()> {
        let outcome = match result {
            Ok(Next::Done) => Outcome::Done,
            Ok(Next::After(delay)) => Outcome::After(delay),
            Err(error) if error.is_fenced() => {
                tracing::debug!(reconciler = self.reconciler.name(), "fenced, stops");
                return ControlFlow::Break(());
            }
            Err(error) => {
                self.report(&key, queue.failures(&key), &error);
                Outcome::Failed
            }
        };
        let seams = self.objects.seams();
        queue.finish(&key, seams.clock.now(), outcome, seams.random.next_u64());
        ControlFlow::Continue(())
    }

    fn report(&self, key: &ObjectKey, failures: u32, error: &Error) {
        let reconciler = self.reconciler.name();
        let expected = error.is_unavailable() || (error.is_stale() && failures < STALE_IS_NORMAL);
        if expected {
            tracing::debug!(reconciler, %key, failures, %error, "pass is repeated");
        } else {
            tracing::warn!(reconciler, %key, failures, %error, "pass failed");
        }
    }
}

fn enqueue(queue: &mut WorkQueue<ObjectKey>, watches: &[Watch], update: &Update) {
    for change in update.changes.iter() {
        for watch in watches {
            watch.keys(&update.snapshot, change).into_iter().for_each(|key| queue.add(key));
        }
    }
}

/// Every existing object counts as new when a reconciler starts.
fn enqueue_existing(queue: &mut WorkQueue<ObjectKey>, watches: &[Watch], snapshot: &Snapshot) {
    for kind in snapshot.kinds() {
        let watches: Vec<&Watch> = watches.iter().filter(|watch| watch.concerns(kind)).collect();
        for object in snapshot.objects(kind).filter(|_| !watches.is_empty()) {
            let change = CacheChange::existing(kind, object);
            for watch in &watches {
                watch.keys(snapshot, &change).into_iter().for_each(|key| queue.add(key));
            }
        }
    }
}
