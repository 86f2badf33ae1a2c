//! What runs beside each member: a warm cache, the controllers and the scheduler.
//!
//! Invariant: all members run one, only the one beside the leader acts, and what a deposed one still
//! writes is refused by its term.

use crate::Error;
use quorate_reconcile::{Cache, Reconciler, Running, Runtime, while_leading};
use quorate_resources::Objects;
use quorate_scheduler::{Scheduler, SchedulerOptions};
use quorate_seams::Task;
use std::fmt;
use std::sync::Arc;

/// Makes the reconcilers of one member.
pub(crate) type Reconcilers = Arc<dyn Fn() -> Vec<Arc<dyn Reconciler>> + Send + Sync>;

/// The control plane beside one member.
pub(crate) struct ControlPlane {
    running: Running,
    _scheduler: Option<Task<()>>,
}

impl ControlPlane {
    pub(crate) async fn start(
        objects: Objects,
        reconcilers: &Reconcilers,
        scheduler: Option<SchedulerOptions>,
    ) -> Result<Self, Error> {
        let cache = Cache::start(objects.clone()).await?;
        let mut runtime = Runtime::builder(objects.clone(), cache.clone());
        for reconciler in reconcilers() {
            runtime = runtime.reconciler(reconciler);
        }
        let running = runtime.start();
        let scheduler = scheduler.map(|options| schedule(objects, cache, options));
        Ok(Self { running, _scheduler: scheduler })
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

fn schedule(objects: Objects, cache: Arc<Cache>, options: SchedulerOptions) -> Task<()> {
    let store = objects.store().clone();
    while_leading(store, move |term| {
        let (cache, options) = (cache.clone(), options.clone());
        Scheduler::new(objects.fenced(Some(term)), cache, options).run()
    })
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane").finish_non_exhaustive()
    }
}
