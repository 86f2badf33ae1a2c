//! openraft's own storage suite on our adapters: the real log on a real disk, the real state, in
//! RocksDB and in memory.

use crate::machine::StateMachine;
use crate::scratch::Scratch;
use crate::state::State;
use crate::storage::LogStore;
use crate::types::TypeConfig;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use quorate_log::{Identity, RaftLog};
use quorate_mvcc::{MemoryDb, Mvcc, RocksDb, RocksOptions, StateDb};
use quorate_seams::Seams;
use quorate_types::{ClusterId, MemberId};
use std::path::Path;
use std::sync::Arc;

/// Makes the database of a state in a directory.
struct Builder(fn(&Path) -> Arc<dyn StateDb>);

impl StoreBuilder<TypeConfig, LogStore, StateMachine, tempfile::TempDir> for Builder {
    async fn build(
        &self,
    ) -> Result<(tempfile::TempDir, LogStore, StateMachine), StorageError<TypeConfig>> {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { cluster: ClusterId(1), member: MemberId(0) };
        let disk = Seams::system().disk;
        let options = quorate_log::Options { segment_bytes: 64 * 1024, ..Default::default() };
        let log = RaftLog::open(disk, &dir.path().join("log"), identity, options).unwrap();
        let db = (self.0)(&dir.path().join("state"));
        let mvcc = Mvcc::open(db, quorate_mvcc::Options::default()).unwrap();
        let scratch = Scratch::open(&dir.path().join("scratch")).unwrap();
        let (state, _released) = State::new(mvcc);
        let (machine, _applied) = StateMachine::new(state.clone(), scratch);
        Ok((dir, LogStore::new(log, state), machine))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapters_pass_openrafts_own_storage_suite() {
    Suite::test_all(Builder(|_| Arc::new(MemoryDb::new()))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapters_over_rocksdb_pass_openrafts_own_storage_suite() {
    let open = |dir: &Path| -> Arc<dyn StateDb> {
        Arc::new(RocksDb::open(dir, RocksOptions::default()).unwrap())
    };
    Suite::test_all(Builder(open)).await.unwrap();
}
