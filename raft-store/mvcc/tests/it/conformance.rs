//! The store contract's suite, on both databases.

use crate::single::Single;
use async_trait::async_trait;
use quorate_mvcc::{MemoryDb, Mvcc, Options, RocksDb, RocksOptions};
use quorate_seams::ManualClock;
use quorate_store::conformance::{ClockControl, Fixture, StoreFactory, run};
use std::sync::Arc;

struct OnMemory;
struct OnRocks;

/// Small bounds, so that watchers fall out of the ring and compaction takes several steps.
fn options() -> Options {
    Options { ring_events: 8, compaction_step: 3, ..Options::default() }
}

#[async_trait]
impl StoreFactory for OnMemory {
    async fn fresh(&self) -> Fixture {
        let clock = ManualClock::new();
        let mvcc = Mvcc::open(Arc::new(MemoryDb::new()), options()).unwrap();
        Fixture::new(Single::new(mvcc, clock.clone()), ClockControl::Manual(clock))
    }
}

#[async_trait]
impl StoreFactory for OnRocks {
    async fn fresh(&self) -> Fixture {
        let clock = ManualClock::new();
        let dir = tempfile::tempdir().unwrap();
        let db = RocksDb::open(dir.path(), RocksOptions::default()).unwrap();
        let mvcc = Mvcc::open(Arc::new(db), options()).unwrap();
        let store = Single::new(mvcc, clock.clone());
        Fixture::new(store, ClockControl::Manual(clock)).keeping(dir)
    }
}

#[tokio::test]
async fn the_state_in_memory_keeps_the_store_contract() {
    run(&OnMemory).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_on_rocksdb_keeps_the_store_contract() {
    run(&OnRocks).await.assert_passed();
}
