//! A formation of one member that keeps everything in memory: for tests and experiments.

use crate::Error;
use crate::formation::{Formation, RunningMember};
use async_trait::async_trait;
use quorate_seams::SharedClock;
use quorate_store::{MemoryStore, SharedStore};
use quorate_types::MemberId;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct InMemory {
    store: Arc<MemoryStore>,
}

impl InMemory {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { store: MemoryStore::new(clock) }
    }
}

#[async_trait]
impl Formation for InMemory {
    fn ids(&self) -> Vec<MemberId> {
        vec![MemberId(1)]
    }

    async fn start(&self, _: MemberId) -> Result<Arc<dyn RunningMember>, Error> {
        Ok(Arc::new(MemoryMember(self.store.clone())))
    }
}

#[derive(Debug)]
struct MemoryMember(Arc<MemoryStore>);

#[async_trait]
impl RunningMember for MemoryMember {
    fn store(&self) -> SharedStore {
        self.0.clone()
    }

    async fn ready(&self, _: Duration) -> Result<(), Error> {
        Ok(())
    }

    async fn shut_down(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn kill(&self) {}
}
