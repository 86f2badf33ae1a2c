//! The same commands on both databases and on the reference store give the same answers.

use crate::script::{apply, commands, range, read};
use futures::{FutureExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_mvcc::{Command, MemoryDb, Mvcc, Options, Outcome, Reply, RocksDb, RocksOptions};
use quorate_seams::ManualClock;
use quorate_store::{Event, KeyRange, MemoryStore, Store, WatchRequest, WatchStream};
use quorate_types::{LeaseId, Revision};
use std::sync::Arc;
use std::time::Duration;

/// The reference store never waits.
fn block_on<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("an answer at once")
}

/// What the reference store answers to a command.
fn reference(store: &MemoryStore, command: &Command) -> Outcome {
    let revision = || store.status().revision;
    match command.clone() {
        Command::Txn(txn) => block_on(store.txn(txn)).map(Reply::Txn),
        Command::Compact { revision: at } => {
            block_on(store.compact(at)).map(|()| Reply::Compacted { revision: revision() })
        }
        Command::LeaseGrant { id, ttl_seconds } => {
            let ttl = Duration::from_secs(ttl_seconds.unsigned_abs());
            block_on(store.lease_grant(id, ttl)).map(Reply::LeaseGranted)
        }
        Command::LeaseRevoke { ids } => block_on(store.lease_revoke(ids[0]))
            .map(|()| Reply::LeaseRevoked { revision: revision() }),
        other => unreachable!("not drawn: {other:?}"),
    }
}

fn events(stream: &mut WatchStream) -> Vec<Event> {
    let mut events = Vec::new();
    let mut silent = 0;
    while silent < 3 {
        match stream.next().now_or_never() {
            Some(Some(item)) => {
                silent = 0;
                events.extend(item.expect("nothing compacted").events.to_vec());
            }
            Some(None) => break,
            None => silent += 1,
        }
    }
    events
}

fn history(mvcc: &Arc<Mvcc>, range: &KeyRange) -> Vec<Event> {
    let from = mvcc.compacted().max(Revision(1));
    events(&mut mvcc.watch(WatchRequest::new(range.clone()).from(from).with_prev_kv()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Grouping entries differently, another compaction step and another ring change nothing.
    #[test]
    fn both_databases_and_the_reference_agree(
        commands in commands(),
        reads in vec(read(), 1..12),
        watched in range(),
        group in 1usize..9,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let rocks = Arc::new(RocksDb::open(dir.path(), RocksOptions::default()).unwrap());
        let one = Options { ring_events: 3, compaction_step: 2, ..Options::default() };
        let rocks = Mvcc::open(rocks, one).unwrap();
        let memory = Mvcc::open(Arc::new(MemoryDb::new()), Options::default()).unwrap();
        let store = MemoryStore::new(ManualClock::new());

        let expected: Vec<_> =
            commands.iter().map(|command| Some(reference(&store, command))).collect();
        let by_rocks: Vec<_> =
            commands.chunks(group).flat_map(|group| apply(&rocks, group)).collect();
        let by_memory: Vec<_> =
            commands.iter().flat_map(|command| apply(&memory, std::slice::from_ref(command))).collect();
        prop_assert_eq!(&by_rocks, &expected);
        prop_assert_eq!(&by_memory, &expected);

        for request in reads {
            let expected = block_on(store.range(request.clone()));
            prop_assert_eq!(&rocks.range(&request), &expected);
            prop_assert_eq!(&memory.range(&request), &expected);
        }
        prop_assert_eq!(history(&rocks, &watched), history(&memory, &watched));
        for revision in 0..=memory.revision().0 {
            let revision = Revision(revision);
            prop_assert_eq!(rocks.hash_kv(revision), memory.hash_kv(revision));
        }
        for id in (1..4).map(LeaseId) {
            let keys = rocks.lease_keys(id).unwrap();
            prop_assert_eq!(&keys, &memory.lease_keys(id).unwrap());
            let told = block_on(store.lease_time_to_live(id)).map(|lease| lease.keys);
            prop_assert_eq!(keys, told.unwrap_or_default());
        }
    }
}
