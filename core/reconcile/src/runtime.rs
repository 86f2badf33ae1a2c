//! Runs reconcilers where the Raft leader is.
//!
//! Place: one per control plane. The cache runs everywhere and always; the reconcilers run on one
//! member at a time, which raft leadership decides, without a lock or lease of their own.
//!
//! Invariants: no reconciler starts before the cache has seen everything the previous leader was
//! acknowledged for; none runs, and none of its writes is accepted, once another leader is elected.

mod driver;

use crate::own_writes::{OwnWrites, current_revision};
use crate::{Backoff, Cache, Reconciler, while_leading};
use driver::Driver;
use quorate_resources::Objects;
use quorate_seams::{Task, spawn};
use quorate_types::{Revision, Term};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// Keys that one reconciler works on at the same time, unless said otherwise.
const WORKERS: usize = 8;

/// Sets up a [`Runtime`].
#[derive(Debug)]
pub struct RuntimeBuilder {
    runtime: Runtime,
    run_always: bool,
}

/// Reconcilers over one store. Cheap to clone; [`Runtime::start`] makes it run.
#[derive(Clone)]
pub struct Runtime {
    objects: Objects,
    cache: Arc<Cache>,
    reconcilers: Vec<Installed>,
    workers: usize,
    run_always: bool,
}

#[derive(Clone)]
struct Installed {
    reconciler: Arc<dyn Reconciler>,
    depth: Arc<AtomicUsize>,
}

/// A runtime at work. Dropping it stops every reconciler at its next await point.
#[derive(Debug)]
#[must_use = "dropping it stops the reconcilers"]
pub struct Running {
    task: Task<()>,
    /// Closed once no driver is left.
    ended: mpsc::Receiver<Infallible>,
    depths: Vec<(&'static str, Arc<AtomicUsize>)>,
}

impl RuntimeBuilder {
    /// Adds a reconciler.
    #[must_use]
    pub fn reconciler(mut self, reconciler: Arc<dyn Reconciler>) -> Self {
        let depth = Arc::default();
        self.runtime.reconcilers.push(Installed { reconciler, depth });
        self
    }

    /// Adds several reconcilers.
    #[must_use]
    pub fn reconcilers(self, all: impl IntoIterator<Item = Arc<dyn Reconciler>>) -> Self {
        all.into_iter().fold(self, Self::reconciler)
    }

    /// How many keys each reconciler works on at the same time; at least one, by default 8.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.runtime.workers = workers.max(1);
        self
    }

    /// Runs whoever leads, with writes that are not fenced: for stores without leadership.
    #[must_use]
    pub fn run_always(mut self) -> Self {
        self.run_always = true;
        self
    }

    /// The runtime, not yet started.
    #[must_use]
    pub fn build(self) -> Runtime {
        Runtime { run_always: self.run_always, ..self.runtime }
    }

    /// Starts it.
    pub fn start(self) -> Running {
        self.build().start()
    }
}

impl Runtime {
    /// Sets up a runtime over a store and a cache of the same store.
    #[must_use]
    pub fn builder(objects: Objects, cache: Arc<Cache>) -> RuntimeBuilder {
        let runtime =
            Self { objects, cache, reconcilers: Vec::new(), workers: WORKERS, run_always: false };
        RuntimeBuilder { runtime, run_always: false }
    }

    /// Runs the reconcilers whenever this member leads, until the result is dropped.
    pub fn start(self) -> Running {
        let depths = self
            .reconcilers
            .iter()
            .map(|installed| (installed.reconciler.name(), Arc::clone(&installed.depth)))
            .collect();
        let (alive, ended) = mpsc::channel(1);
        let task = if self.run_always {
            spawn(async move { self.session(None, alive).await })
        } else {
            let store = Arc::clone(self.objects.store());
            let runtime = Arc::new(self);
            while_leading(store, move |term| {
                let (runtime, alive) = (Arc::clone(&runtime), alive.clone());
                async move { runtime.session(Some(term), alive).await }
            })
        };
        Running { task, ended, depths }
    }

    /// One time of leading: ends only if every reconciler found itself fenced.
    async fn session(&self, term: Option<Term>, alive: mpsc::Sender<Infallible>) {
        let revision = self.barrier().await;
        tracing::debug!(?term, %revision, "reconcilers start");
        let _depths = ResetDepths(&self.reconcilers);
        let drive = |one| spawn(self.driver(one, term, alive.clone()).run(revision));
        let drivers: Vec<Task<()>> = self.reconcilers.iter().map(drive).collect();
        for driver in drivers {
            driver.join().await;
        }
    }

    /// The revision that the cache must have seen before anything starts.
    async fn barrier(&self) -> Revision {
        let (seams, mut failures) = (self.objects.seams(), 0u32);
        loop {
            match current_revision(self.objects.store()).await {
                Ok(revision) => return revision,
                Err(error) => tracing::debug!(%error, "leading, but the store does not answer yet"),
            }
            failures = failures.saturating_add(1);
            let delay = Backoff::default().delay(failures, seams.random.next_u64());
            seams.clock.sleep(delay).await;
        }
    }

    fn driver(
        &self,
        installed: &Installed,
        term: Option<Term>,
        alive: mpsc::Sender<Infallible>,
    ) -> Driver {
        let writes = Arc::new(OwnWrites::new(Arc::clone(self.objects.store())));
        Driver {
            reconciler: Arc::clone(&installed.reconciler),
            objects: self.objects.over(writes.clone()).fenced(term),
            writes,
            cache: Arc::clone(&self.cache),
            workers: self.workers,
            depth: Arc::clone(&installed.depth),
            _alive: alive,
        }
    }
}

/// Says that nothing waits any more when a session ends, however it ends.
struct ResetDepths<'a>(&'a [Installed]);

impl Drop for ResetDepths<'_> {
    fn drop(&mut self) {
        for installed in self.0 {
            installed.depth.store(0, Ordering::Relaxed);
        }
    }
}

impl Running {
    /// Stops every reconciler and waits until none of them runs any more.
    pub async fn stop(mut self) {
        self.task.stop().await;
        // Nothing is ever sent: this ends when the last driver has been dropped.
        let _ = self.ended.recv().await;
    }

    /// Keys that are ready and wait for a worker, by reconciler.
    #[must_use]
    pub fn queue_depths(&self) -> BTreeMap<&'static str, usize> {
        let depth = |(name, depth): &(&'static str, Arc<AtomicUsize>)| {
            (*name, depth.load(Ordering::Relaxed))
        };
        self.depths.iter().map(depth).collect()
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.reconcilers.iter().map(|one| one.reconciler.name()).collect();
        f.debug_struct("Runtime")
            .field("reconcilers", &names)
            .field("workers", &self.workers)
            .field("run_always", &self.run_always)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
