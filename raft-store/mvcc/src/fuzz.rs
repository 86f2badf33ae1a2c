//! What the fuzz targets run, and the ordinary tests on the committed corpora and random bytes.
//!
//! Place: behind the feature `fuzzing`, for the package `fuzz/`. Every function takes any bytes and
//! panics only if a promise is broken.

#![allow(clippy::missing_panics_doc, reason = "a panic is what a fuzz target reports")]

use crate::{ApplyEntry, Command, EntryKind, MemoryDb, Mvcc, Options, Outcome, Reply};
use crate::{decode_outcome, encode_outcome};
use bytes::Bytes;
use futures::FutureExt;
use quorate_seams::ManualClock;
use quorate_store::{
    Compare, CompareOp, CompareTarget, KeyRange, MemoryStore, Op, PutOp, RangeRequest, RequestId,
    RevisionFilter, Sort, SortTarget, Store, Txn,
};
use quorate_types::{LeaseId, LogIndex, Revision, Term};
use std::sync::Arc;

/// Reads commands, replies and outcomes: what is read can be written, and is read again alike.
pub fn codec(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(command) = Command::decode(bytes.clone())
        && let Ok(written) = command.encode()
    {
        assert_eq!(Command::decode(written).as_ref(), Ok(&command));
    }
    if let Ok(reply) = Reply::decode(bytes.clone()) {
        let written = reply.encode().expect("what was read can be written");
        assert_eq!(Reply::decode(written).as_ref(), Ok(&reply));
    }
    if let Ok(outcome) = decode_outcome(bytes) {
        let written = encode_outcome(&outcome).expect("what was read can be written");
        assert_eq!(decode_outcome(written).as_ref(), Ok(&outcome));
    }
}

/// Applies a command of foreign bytes to a state that holds a little: no panic, and a refusal
/// changes nothing.
pub fn apply(data: &[u8]) {
    let Ok(command) = Command::decode(Bytes::copy_from_slice(data)) else { return };
    // Machines are the application's.
    if has_custom(&command) {
        return;
    }
    let mvcc = state();
    let prelude = [Command::Txn(Txn::put("k", "v")), Command::Txn(Txn::put("l", "w"))];
    let mut index = 0;
    for command in prelude.into_iter().chain([command]) {
        index += 1;
        let before = mvcc.revision();
        let outcome = run(&mvcc, index, &command);
        let unchanged = mvcc.revision() == before;
        assert!(outcome.is_ok() || unchanged, "a refusal has an effect: {command:?}");
    }
    mvcc.hash_kv(Revision::NONE).expect("a state that can be hashed");
}

/// Runs a program of transactions, leases and compactions, written as bytes, on the state and on
/// the reference store: every answer is the same.
pub fn twins(data: &[u8]) {
    let (mvcc, store) = (state(), MemoryStore::new(ManualClock::new()));
    let mut tape = Tape(data);
    let mut index = 0;
    while !tape.0.is_empty() && index < 200 {
        index += 1;
        let command = tape.command();
        let want = reference(&store, &command);
        assert_eq!(run(&mvcc, index, &command), want, "{command:?}");
    }
    let all = RangeRequest::new(KeyRange::all());
    for revision in mvcc.compacted().0.max(1)..=mvcc.revision().0 {
        let request = all.clone().at(Revision(revision));
        let want = at_once(store.range(request.clone()));
        assert_eq!(mvcc.range(&request), want, "at revision {revision}");
    }
}

fn has_custom(command: &Command) -> bool {
    match command {
        Command::Custom { .. } => true,
        Command::OnBehalf { command, .. } => has_custom(command),
        Command::Batch(commands) => commands.iter().any(has_custom),
        _ => false,
    }
}

fn state() -> Arc<Mvcc> {
    let options = Options { compaction_step: 2, ring_events: 4, ..Options::default() };
    Mvcc::open(Arc::new(MemoryDb::new()), options).expect("memory can be opened")
}

fn run(mvcc: &Mvcc, index: u64, command: &Command) -> Outcome {
    let kind = EntryKind::Command(command.encode().expect("within the format"));
    let entry = ApplyEntry { index: LogIndex(index), term: Term(1), kind };
    let mut outcomes = mvcc.apply(vec![entry]).expect("memory does not fail");
    outcomes.pop().flatten().expect("a command has an outcome")
}

/// The reference store never waits.
fn at_once<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("an answer at once")
}

fn reference(store: &MemoryStore, command: &Command) -> Outcome {
    let revision = || store.status().revision;
    match command.clone() {
        Command::Txn(txn) => at_once(store.txn(txn)).map(Reply::Txn),
        Command::Compact { revision: at } => {
            at_once(store.compact(at)).map(|()| Reply::Compacted { revision: revision() })
        }
        Command::LeaseGrant { id, ttl_seconds } => {
            let ttl = std::time::Duration::from_secs(ttl_seconds.unsigned_abs());
            at_once(store.lease_grant(id, ttl)).map(Reply::LeaseGranted)
        }
        Command::LeaseRevoke { ids } => at_once(store.lease_revoke(ids[0]))
            .map(|()| Reply::LeaseRevoked { revision: revision() }),
        other => unreachable!("not on the tape: {other:?}"),
    }
}

/// Bytes as a source of choices; zeros once they are used up.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    fn command(&mut self) -> Command {
        match self.below(10) {
            0 => Command::LeaseGrant { id: self.lease(), ttl_seconds: 10 },
            1 => Command::LeaseRevoke { ids: vec![self.lease()] },
            2 => Command::Compact { revision: self.revision() },
            _ => {
                let txn = self.txn(2);
                let request_id = (self.below(8) == 0).then(|| RequestId(self.below(4).into()));
                Command::Txn(Txn { request_id, ..txn })
            }
        }
    }

    fn lease(&mut self) -> LeaseId {
        LeaseId(i64::from(self.below(3)) + 1)
    }

    fn revision(&mut self) -> Revision {
        Revision(i64::from(self.below(24)))
    }

    fn key(&mut self) -> Bytes {
        const KEYS: [&[u8]; 7] = [b"a", b"a\0", b"a\xff", b"ab", b"b", b"c", b"\0"];
        Bytes::from_static(KEYS[usize::from(self.below(7))])
    }

    fn range(&mut self) -> KeyRange {
        match self.below(8) {
            0 => KeyRange::all(),
            1 => KeyRange::From(self.key()),
            2 | 3 => KeyRange::Span(self.key(), self.key()),
            _ => KeyRange::Key(self.key()),
        }
    }

    fn value(&mut self) -> Bytes {
        Bytes::copy_from_slice(&[b'v', self.below(4)])
    }

    fn txn(&mut self, depth: u8) -> Txn {
        let compares = (0..self.below(3)).map(|_| self.compare()).collect();
        let success = (0..self.below(4)).map(|_| self.op(depth)).collect();
        let failure = (0..self.below(3)).map(|_| self.op(depth)).collect();
        Txn { compares, success, failure, ..Txn::default() }
    }

    fn compare(&mut self) -> Compare {
        let op = match self.below(4) {
            0 => CompareOp::Equal,
            1 => CompareOp::NotEqual,
            2 => CompareOp::Greater,
            _ => CompareOp::Less,
        };
        let target = match self.below(5) {
            0 => CompareTarget::Version(i64::from(self.below(4))),
            1 => CompareTarget::CreateRevision(self.revision()),
            2 => CompareTarget::ModRevision(self.revision()),
            3 => CompareTarget::Value(self.value()),
            _ => CompareTarget::Lease(self.lease()),
        };
        Compare { range: self.range(), op, target }
    }

    fn op(&mut self, depth: u8) -> Op {
        match self.below(8) {
            0 => Op::Range(self.read()),
            1 | 2 => Op::Delete { range: self.range(), prev_kv: self.flag() },
            3 if depth > 0 => Op::Txn(self.txn(depth - 1)),
            _ => Op::Put(self.put()),
        }
    }

    fn put(&mut self) -> PutOp {
        let (key, value) = (self.key(), self.value());
        let how = self.below(16);
        let lease = if how & 1 == 1 { self.lease() } else { LeaseId::NONE };
        let (ignore_value, ignore_lease) = (how == 2, how == 4);
        let value = if ignore_value { Bytes::new() } else { value };
        PutOp { key, value, lease, prev_kv: how & 8 == 8, ignore_value, ignore_lease }
    }

    fn read(&mut self) -> RangeRequest {
        let target = match self.below(6) {
            0 => None,
            1 => Some(SortTarget::Key),
            2 => Some(SortTarget::Version),
            3 => Some(SortTarget::CreateRevision),
            4 => Some(SortTarget::ModRevision),
            _ => Some(SortTarget::Value),
        };
        let descending = self.flag();
        let filter = RevisionFilter { min_mod: self.revision(), ..RevisionFilter::default() };
        RangeRequest {
            limit: usize::from(self.below(4)),
            sort: target.map(|target| Sort { target, descending }),
            filter: if self.flag() { filter } else { RevisionFilter::default() },
            keys_only: self.flag(),
            ..RangeRequest::new(self.range()).at(self.revision())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The committed inputs of a target.
    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/");
        let files = std::fs::read_dir(format!("{dir}{target}")).unwrap();
        let inputs: Vec<_> =
            files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        assert!(!inputs.is_empty(), "no corpus for {target}");
        inputs
    }

    /// Writes the committed corpora anew; they change only with the format.
    #[test]
    #[ignore = "writes into the source tree"]
    fn write_the_corpora() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let write = |target: &str, name: &str, bytes: &[u8]| {
            std::fs::create_dir_all(dir.join(target)).unwrap();
            std::fs::write(dir.join(target).join(name), bytes).unwrap();
        };
        let read = RangeRequest::new(KeyRange::all()).sorted(SortTarget::Value, true).limit(1);
        let nested = Txn::put("n", "v").when(Compare::present("k")).otherwise([Op::delete("l")]);
        let commands = [
            ("put", Command::Txn(Txn::put("k", "v"))),
            ("nested", Command::Txn(Txn::ops([Op::Txn(nested), Op::Range(read)]))),
            ("named", Command::Txn(Txn::put("k", "w").identified(RequestId(7)))),
            ("grant", Command::LeaseGrant { id: LeaseId(1), ttl_seconds: 10 }),
            ("revoke", Command::LeaseRevoke { ids: vec![LeaseId(1), LeaseId(2)] }),
            ("compact", Command::Compact { revision: Revision(2) }),
            ("checkpoint", Command::LeaseCheckpoint { remaining: vec![(LeaseId(1), 5)] }),
        ];
        for (name, command) in &commands {
            write("command", name, &command.encode().unwrap());
            write("apply", name, &command.encode().unwrap());
        }
        let batch = Command::Batch(commands.into_iter().map(|(_, command)| command).collect());
        write("apply", "batch", &batch.encode().unwrap());
        for seed in 0..6_u64 {
            use quorate_seams::Random;
            let random = quorate_seams::SeededRandom::new(seed);
            let tape: Vec<u8> = (0..40).flat_map(|_| random.next_u64().to_le_bytes()).collect();
            write("txn", &format!("tape-{seed}"), &tape);
        }
    }

    #[test]
    fn the_corpora_break_no_promise() {
        for (target, run) in [("command", codec as fn(&[u8])), ("apply", apply), ("txn", twins)] {
            corpus(target).iter().for_each(|input| run(input));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

        #[test]
        fn random_bytes_break_no_promise(data in vec(any::<u8>(), 0..600)) {
            twins(&data);
            codec(&data);
            let versioned: Vec<u8> = [&[2], data.as_slice()].concat();
            codec(&versioned);
            apply(&versioned);
        }

        #[test]
        fn changed_inputs_of_the_corpora_break_no_promise(
            pick in any::<prop::sample::Index>(),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let inputs = [corpus("command"), corpus("apply")].concat();
            let mut input = pick.get(&inputs).clone();
            for (at, byte) in changes {
                let at = at.index(input.len());
                input[at] = byte;
            }
            codec(&input);
            apply(&input);
            apply(&input[..cut.index(input.len())]);
        }
    }
}
