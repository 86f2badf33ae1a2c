//! What the conformance suite cannot see: log positions, batches, bytes, compaction's sweep.

use crate::db::{Family, StateDb, Step};
use crate::{
    Alarm, AlarmKind, ApplyEntry, Command, EntryKind, Error, LeaseChange, LeaseUpdate, MemoryDb,
    Mvcc, Options, Outcome, Reply, StoredLease,
};
use bytes::Bytes;
use quorate_store::{Error as Refusal, KeyRange, Op, PutOp, RangeRequest, Txn};
use quorate_types::{ClusterId, LeaseId, LogIndex, MemberId, Revision, Term};
use std::sync::Arc;

/// A state in memory and the log that drives it.
struct Bench {
    db: Arc<MemoryDb>,
    mvcc: Arc<Mvcc>,
    index: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let db = Arc::new(MemoryDb::new());
        let mvcc = Mvcc::open(Arc::clone(&db) as Arc<dyn StateDb>, options).unwrap();
        Self { db, mvcc, index: 0 }
    }

    fn entry(&mut self, command: &Command) -> ApplyEntry {
        self.index += 1;
        let kind = EntryKind::Command(command.encode().unwrap());
        ApplyEntry { index: LogIndex(self.index), term: Term(3), kind }
    }

    #[allow(clippy::needless_pass_by_value, reason = "every caller makes the command in place")]
    fn run(&mut self, command: Command) -> Outcome {
        let entry = self.entry(&command);
        self.mvcc.apply(vec![entry]).unwrap().remove(0).unwrap()
    }

    fn put(&mut self, key: &str, value: &str) {
        self.run(Command::Txn(Txn::put(key.to_owned(), value.to_owned()))).unwrap();
    }

    fn size(&self, family: Family) -> usize {
        let mut size = 0;
        let mut count = |_: &[u8], _: &[u8]| {
            size += 1;
            Ok(Step::Next)
        };
        self.db.view().scan(family, &[], None, &mut count).unwrap();
        size
    }
}

fn leased(key: &'static str, lease: i64) -> Op {
    Op::Put(PutOp { key: key.into(), value: "v".into(), lease: LeaseId(lease), ..PutOp::default() })
}

fn grant(id: i64) -> Command {
    Command::LeaseGrant { id: LeaseId(id), ttl_seconds: 10 }
}

#[test]
fn an_entry_that_was_applied_before_has_no_effect() {
    let mut bench = Bench::new();
    let entry = bench.entry(&Command::Txn(Txn::put("k", "v")));
    assert!(bench.mvcc.apply(vec![entry.clone()]).unwrap()[0].is_some());
    assert_eq!(bench.mvcc.apply(vec![entry]).unwrap(), [None]);
    assert_eq!(bench.mvcc.revision(), Revision(2));
}

#[test]
fn membership_and_position_are_applied_with_the_data() {
    let bench = Bench::new();
    let kinds = [EntryKind::Blank, EntryKind::Membership(Bytes::from_static(b"three of us"))];
    let entries = (0..).zip(kinds).map(|(index, kind)| ApplyEntry {
        index: LogIndex(index),
        term: Term(7),
        kind,
    });
    assert_eq!(bench.mvcc.apply(entries.collect()).unwrap(), [None, None]);
    let reopened = Mvcc::open(Arc::clone(&bench.db) as _, Options::default()).unwrap();
    assert_eq!(reopened.applied().index, Some(LogIndex(1)));
    assert_eq!(reopened.applied().term, Term(7));
    assert_eq!(reopened.applied().membership, "three of us");
}

#[test]
fn a_command_that_cannot_be_read_stops_the_member_and_changes_nothing() {
    let mut bench = Bench::new();
    let good = bench.entry(&Command::Txn(Txn::put("k", "v")));
    let kind = EntryKind::Command(Bytes::from_static(b"\x63from the future"));
    let bad = ApplyEntry { index: LogIndex(2), term: Term(3), kind };
    let error = bench.mvcc.apply(vec![good, bad]).unwrap_err();
    assert!(matches!(error, Error::Command { index: LogIndex(2), .. }), "{error}");
    assert_eq!(bench.mvcc.revision(), Revision(1));
    assert_eq!(bench.mvcc.applied().index, None);
    assert_eq!(bench.size(Family::Cur), 0);
}

#[test]
fn commands_of_a_batch_succeed_and_fail_on_their_own() {
    let mut bench = Bench::new();
    let batch = Command::Batch(vec![
        Command::Txn(Txn::put("a", "1")),
        Command::Txn(Txn::put("", "1")),
        Command::Compact { revision: Revision(9) },
        Command::Txn(Txn::put("a", "2")),
    ]);
    let Ok(Reply::Batch(outcomes)) = bench.run(batch) else { panic!("a batch answers") };
    assert!(matches!(&outcomes[0], Ok(Reply::Txn(done)) if done.revision == Revision(2)));
    assert_eq!(outcomes[1], Err(Refusal::EmptyKey));
    let future = Refusal::FutureRevision { requested: Revision(9), current: Revision(2) };
    assert_eq!(outcomes[2], Err(future));
    assert!(matches!(&outcomes[3], Ok(Reply::Txn(done)) if done.revision == Revision(3)));
}

#[test]
fn the_history_has_etcds_bytes() {
    let mut bench = Bench::new();
    bench.run(Command::Txn(Txn::ops([Op::put("a", "1"), Op::put("b", "2")]))).unwrap();
    bench.run(Command::Txn(Txn::delete("a"))).unwrap();
    let mut history = Vec::new();
    let mut take = |key: &[u8], value: &[u8]| {
        history.push((key.to_vec(), value.to_vec()));
        Ok(Step::Next)
    };
    bench.db.view().scan(Family::Rev, &[], None, &mut take).unwrap();
    let expected: [(&[u8], &[u8]); 3] = [
        (b"\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0", b"\x0a\x01a\x10\x02\x18\x02\x20\x01\x2a\x011"),
        (b"\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\x01", b"\x0a\x01b\x10\x02\x18\x02\x20\x01\x2a\x012"),
        (b"\0\0\0\0\0\0\0\x03_\0\0\0\0\0\0\0\0t", b"\x0a\x01a"),
    ];
    let expected = expected.map(|(key, value)| (key.to_vec(), value.to_vec()));
    assert_eq!(history, expected);
    let all = [b"key".to_vec()].into_iter().chain(history.into_iter().flat_map(|(k, v)| [k, v]));
    let hash = bench.mvcc.hash_kv(Revision::NONE).unwrap();
    assert_eq!(hash.hash, crc32c::crc32c(&all.collect::<Vec<_>>().concat()));
}

#[test]
fn compaction_frees_everything_unreadable_however_small_its_steps() {
    for compaction_step in [1, 3, 1000] {
        let mut bench = Bench::with(Options { compaction_step, ..Options::default() });
        for round in 0..20 {
            bench.put("kept", &round.to_string());
            bench.put("gone", &round.to_string());
            if round % 5 == 4 {
                bench.run(Command::Txn(Txn::delete("gone"))).unwrap();
            }
        }
        let revision = bench.mvcc.revision();
        bench.run(Command::Compact { revision }).unwrap();
        let hash = bench.mvcc.hash_kv(revision).unwrap();
        for _ in 0..60 {
            // Refused, so that only the sweep goes on.
            bench.run(Command::Compact { revision }).unwrap_err();
            assert_eq!(bench.mvcc.hash_kv(revision).unwrap(), hash, "the sweep is not observable");
        }
        // Of `kept` its value, of `gone` its last deletion and what it was before, for watchers.
        assert_eq!(bench.size(Family::Rev), 3, "step {compaction_step}");
        assert_eq!(bench.size(Family::Idx), 3);
        assert_eq!(bench.size(Family::Cur), 1);
    }
}

#[test]
fn a_bounded_sweep_does_bounded_work_per_apply() {
    let mut bench = Bench::with(Options { compaction_step: 2, ..Options::default() });
    for round in 0..50 {
        bench.put("k", &round.to_string());
    }
    let before = bench.size(Family::Rev);
    let revision = bench.mvcc.revision();
    bench.run(Command::Compact { revision }).unwrap();
    assert!(bench.size(Family::Rev) >= before - 2);
    let read = RangeRequest::key("k").at(Revision(revision.0 - 1));
    assert!(matches!(bench.mvcc.range(&read), Err(Refusal::Compacted { .. })), "at once");
}

#[test]
fn revoking_several_leases_takes_one_revision_and_ignores_unknown_ones() {
    let mut bench = Bench::new();
    let mut changes = bench.mvcc.lease_changes();
    for id in [1, 2, 3] {
        bench.run(grant(id)).unwrap();
    }
    bench.run(Command::Txn(Txn::ops([leased("b", 1), leased("a", 1), leased("c", 2)]))).unwrap();
    assert_eq!(bench.mvcc.lease_keys(LeaseId(1)).unwrap(), ["a", "b"]);
    let ids = vec![LeaseId(2), LeaseId(9), LeaseId(1), LeaseId(2)];
    let reply = bench.run(Command::LeaseRevoke { ids });
    assert_eq!(reply, Ok(Reply::LeaseRevoked { revision: Revision(3) }));
    let left = StoredLease { id: LeaseId(3), ttl_seconds: 10, remaining_seconds: 0 };
    assert_eq!(bench.mvcc.leases().unwrap(), [left]);
    assert_eq!(bench.mvcc.lease(LeaseId(1)).unwrap(), None);
    assert_eq!(bench.size(Family::Cur), 0);
    assert_eq!(bench.size(Family::Lease), 1, "no attachment is left");
    let single = bench.run(Command::LeaseRevoke { ids: vec![LeaseId(9)] });
    assert_eq!(single, Err(Refusal::LeaseNotFound(LeaseId(9))));
    let Some(LeaseUpdate::Changes(seen)) = changes.try_next() else { panic!("changes were made") };
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[3], LeaseChange::Revoked { id: LeaseId(1) });
}

#[test]
fn a_key_lives_by_the_lease_of_its_last_put() {
    let mut bench = Bench::new();
    bench.run(grant(1)).unwrap();
    bench.run(grant(2)).unwrap();
    bench.run(Command::Txn(Txn::ops([leased("moved", 1), leased("freed", 1)]))).unwrap();
    bench.run(Command::Txn(Txn::ops([leased("moved", 2), Op::put("freed", "v")]))).unwrap();
    assert!(bench.mvcc.lease_keys(LeaseId(1)).unwrap().is_empty());
    bench.run(Command::LeaseRevoke { ids: vec![LeaseId(1)] }).unwrap();
    let all = bench.mvcc.range(&RangeRequest::new(KeyRange::all())).unwrap();
    assert_eq!(all.count, 2);
    bench.run(Command::LeaseRevoke { ids: vec![LeaseId(2)] }).unwrap();
    let all = bench.mvcc.range(&RangeRequest::new(KeyRange::all())).unwrap();
    assert_eq!(all.kvs.iter().map(|kv| kv.key.clone()).collect::<Vec<_>>(), ["freed"]);
}

#[test]
fn a_lease_without_id_gets_one_that_every_member_computes() {
    let mut bench = Bench::new();
    bench.run(grant(2)).unwrap();
    let Ok(Reply::LeaseGranted(granted)) = bench.run(grant(0)) else { panic!("granted") };
    assert_eq!(granted.id, LeaseId(3), "2 is the entry's index, but taken");
}

#[test]
fn a_state_of_another_cluster_is_refused() {
    let cluster = |id| Options { cluster: Some(ClusterId(id)), ..Options::default() };
    let bench = Bench::with(cluster(1));
    let open = |options| Mvcc::open(Arc::clone(&bench.db) as Arc<dyn StateDb>, options);
    assert!(open(cluster(1)).is_ok());
    assert!(open(Options::default()).is_ok());
    assert!(matches!(open(cluster(2)), Err(Error::Cluster { found: ClusterId(1), .. })));
}

#[test]
fn a_crash_loses_what_was_not_flushed_and_replay_restores_it() {
    let mut bench = Bench::new();
    bench.put("a", "1");
    assert_eq!(bench.mvcc.durable_index(), None);
    assert_eq!(bench.mvcc.flush().unwrap(), Some(LogIndex(1)));
    let entry = bench.entry(&Command::Txn(Txn::put("b", "1")));
    bench.mvcc.apply(vec![entry.clone()]).unwrap();
    assert_eq!(bench.mvcc.durable_index(), Some(LogIndex(1)));
    let hash = bench.mvcc.hash_kv(Revision::NONE).unwrap();
    bench.db.crash();
    let reopened = Mvcc::open(Arc::clone(&bench.db) as _, Options::default()).unwrap();
    assert_eq!(reopened.applied().index, Some(LogIndex(1)));
    reopened.apply(vec![entry]).unwrap();
    assert_eq!(reopened.hash_kv(Revision::NONE).unwrap(), hash);
}

#[test]
fn sweeping_apart_from_entries_leaves_the_same_state() {
    let steps = |compaction_step| Options { compaction_step, ..Options::default() };
    let (mut with_entries, mut apart) = (Bench::with(steps(3)), Bench::with(steps(0)));
    for bench in [&mut with_entries, &mut apart] {
        for round in 0..20 {
            bench.put(&format!("k{}", round % 3), &round.to_string());
        }
        bench.run(Command::Txn(Txn::delete("k1"))).unwrap();
        bench.run(Command::Compact { revision: Revision(22) }).unwrap();
    }
    for _ in 0..20 {
        with_entries.run(Command::Txn(Txn::default())).unwrap();
        apart.run(Command::Txn(Txn::default())).unwrap();
    }
    assert!(apart.size(Family::Rev) > with_entries.size(Family::Rev), "nothing is swept yet");
    let before = apart.mvcc.applied();
    let mut steps = 1;
    while apart.mvcc.sweep(4).unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 6, "20 changes lie below the compacted revision");
    assert!(!apart.mvcc.sweep(4).unwrap());
    assert_eq!(apart.mvcc.applied(), before);
    for family in [Family::Rev, Family::Idx, Family::Cur] {
        assert_eq!(apart.size(family), with_entries.size(family), "{family:?}");
    }
    let hash = |bench: &Bench| bench.mvcc.hash_kv(Revision::NONE).unwrap();
    assert_eq!(hash(&apart), hash(&with_entries));
}

#[test]
fn the_window_of_requests_forgets_the_oldest_and_no_other() {
    use quorate_store::RequestId;
    use quorate_types::limits::REQUEST_WINDOW;
    let named = |id: u64| Txn::put("k", id.to_string()).identified(RequestId(id.into()));
    let mut bench = Bench::new();
    for group in (0..=REQUEST_WINDOW).collect::<Vec<_>>().chunks(4096) {
        let commands = group.iter().map(|id| Command::Txn(named(*id))).collect();
        bench.run(Command::Batch(commands)).unwrap();
    }
    let all = bench.mvcc.revision();
    bench.run(Command::Txn(named(1))).unwrap();
    bench.run(Command::Txn(named(REQUEST_WINDOW))).unwrap();
    assert_eq!(bench.mvcc.revision(), all, "both are remembered");
    assert_eq!(bench.size(Family::Asked) as u64, 2 * REQUEST_WINDOW, "one was forgotten");
    bench.run(Command::Txn(named(0))).unwrap();
    assert_eq!(bench.mvcc.revision(), all.next(), "it was the first");
}

#[test]
fn an_answer_too_large_to_remember_is_told_to_have_been_applied() {
    use quorate_store::RequestId;
    let mut bench = Bench::new();
    bench.run(Command::Txn(Txn::put("large", vec![7; 10_000]))).unwrap();
    let read = Op::Range(RangeRequest::key("large"));
    let request =
        || Command::Txn(Txn::ops([Op::put("k", "v"), read.clone()]).identified(RequestId(1)));
    assert!(matches!(bench.run(request()), Ok(Reply::Txn(_))));
    let again = Err(Refusal::AlreadyApplied { revision: Revision(3) });
    assert_eq!(bench.run(request()), again);
    assert_eq!(bench.mvcc.revision(), Revision(3));
}

#[test]
fn a_full_state_refuses_what_makes_it_grow_and_nothing_else() {
    let alarm = Alarm { member: MemberId(7), kind: AlarmKind::NoSpace };
    let mut bench = Bench::new();
    bench.put("k", "1");
    let raised = bench.run(Command::Alarm { raise: true, alarm });
    assert_eq!(raised, Ok(Reply::Alarms(vec![alarm])));
    let refused = [
        Command::Txn(Txn::put("k", "2")),
        Command::Txn(Txn::default().otherwise([Op::Txn(Txn::put("k", "2"))])),
        grant(1),
    ];
    for command in refused {
        assert_eq!(bench.run(command), Err(Refusal::NoSpace));
    }
    bench.run(Command::Txn(Txn::ops([Op::Range(RangeRequest::key("k"))]))).unwrap();
    bench.run(Command::Txn(Txn::delete("k"))).unwrap();
    bench.run(Command::Compact { revision: Revision(3) }).unwrap();
    // Another member's alarm is not disarmed along with this one.
    let other = Alarm { member: MemberId(8), ..alarm };
    bench.run(Command::Alarm { raise: true, alarm: other }).unwrap();
    let left = bench.run(Command::Alarm { raise: false, alarm });
    assert_eq!(left, Ok(Reply::Alarms(vec![other])));
    assert_eq!(bench.run(Command::Txn(Txn::put("k", "2"))), Err(Refusal::NoSpace));
    bench.run(Command::Alarm { raise: false, alarm: other }).unwrap();
    bench.put("k", "2");
    assert_eq!(bench.mvcc.alarms(), []);
}

#[test]
fn checkpoints_of_leases_are_kept_and_taken_back() {
    let mut bench = Bench::new();
    bench.run(grant(1)).unwrap();
    let left = |bench: &Bench| bench.mvcc.lease(LeaseId(1)).unwrap().unwrap().remaining_seconds;
    for (recorded, want) in [(4, 4), (10, 0), (3, 3), (0, 0), (5, 5), (-1, 0), (i64::MAX, 0)] {
        let remaining = vec![(LeaseId(1), recorded), (LeaseId(404), 5)];
        let done = bench.run(Command::LeaseCheckpoint { remaining });
        assert_eq!(done, Ok(Reply::LeaseCheckpointed { known: 1 }));
        assert_eq!(left(&bench), want, "after {recorded}");
    }
    assert_eq!(bench.mvcc.lease(LeaseId(404)).unwrap(), None);
    assert_eq!(bench.mvcc.revision(), Revision(1));
}

#[test]
fn a_command_for_a_machine_that_is_missing_stops_the_member() {
    let mut bench = Bench::new();
    let entry = bench.entry(&Command::Custom { machine: "missing".to_owned(), body: Bytes::new() });
    let error = bench.mvcc.apply(vec![entry]).unwrap_err();
    assert!(matches!(error, Error::UnknownMachine { .. }), "{error}");
    assert_eq!(bench.mvcc.applied().index, None, "nothing was applied");
}
