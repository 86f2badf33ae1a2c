//! What makes a transaction invalid whatever the state is: etcd's rules, checked before anything is
//! read. Pure.
//!
//! Place: whoever takes transactions calls [`Txn::check`], so that every store refuses alike; the
//! etcd service calls it once more with etcd's own limit of operations.

use crate::{Error, KeyRange, Op, PutOp, Txn};
use bytes::Bytes;
use quorate_types::LeaseId;
use quorate_types::limits::{MAX_REQUEST_BYTES, MAX_TXN_DEPTH};
use std::collections::{BTreeMap, BTreeSet};

impl Txn {
    /// Refuses transactions that no state could accept. `max_ops` bounds the compares and each
    /// branch; a nested transaction may have what the longest of these has left of it, as in etcd.
    ///
    /// # Errors
    /// [`Error::TooManyOps`], [`Error::TooLarge`], [`Error::EmptyKey`], [`Error::ValueProvided`],
    /// [`Error::LeaseProvided`], [`Error::DuplicateKey`], or [`Error::Invalid`].
    pub fn check(&self, max_ops: usize) -> Result<(), Error> {
        check_steps(self, max_ops, 1)?;
        let bytes = self.payload_bytes();
        if bytes > MAX_REQUEST_BYTES {
            return Err(Error::TooLarge { bytes, limit: MAX_REQUEST_BYTES });
        }
        for branch in [&self.success, &self.failure] {
            // What most transactions are: nothing can be written twice.
            let single =
                matches!(&branch[..], [] | [Op::Put(_) | Op::Range(_) | Op::Delete { .. }]);
            if !single {
                Writes::of(branch)?;
            }
        }
        Ok(())
    }
}

fn check_steps(txn: &Txn, max_ops: usize, depth: usize) -> Result<(), Error> {
    if depth > MAX_TXN_DEPTH {
        let reason = format!("transactions are nested more than {MAX_TXN_DEPTH} deep");
        return Err(Error::Invalid { reason });
    }
    if depth > 1 && txn.request_id.is_some() {
        let reason = "a nested transaction has a request id: name the outermost".to_owned();
        return Err(Error::Invalid { reason });
    }
    let given = txn.compares.len().max(txn.success.len()).max(txn.failure.len());
    if given > max_ops {
        return Err(Error::TooManyOps { given, limit: max_ops });
    }
    txn.compares.iter().try_for_each(|compare| compare.range.check())?;
    for op in txn.ops_of_both_branches() {
        match op {
            Op::Range(request) => request.range.check()?,
            Op::Delete { range, .. } => range.check()?,
            Op::Put(put) => check_put(put)?,
            Op::Txn(nested) => check_steps(nested, max_ops - given, depth + 1)?,
        }
    }
    Ok(())
}

fn check_put(put: &PutOp) -> Result<(), Error> {
    let key = || String::from_utf8_lossy(&put.key).into_owned();
    if put.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if put.ignore_value && !put.value.is_empty() {
        return Err(Error::ValueProvided { key: key() });
    }
    if put.ignore_lease && put.lease != LeaseId::NONE {
        return Err(Error::LeaseProvided { key: key() });
    }
    Ok(())
}

/// What a list of operations may put and delete, nested transactions included.
///
/// A list may put a key once, and may not delete a key that it puts, in whichever order. The two
/// branches of a nested transaction exclude each other, so both may put the same key. A key that one
/// nested transaction puts may be deleted by a later one, but not by an earlier one. A deletion without
/// an end is not looked at: it may delete what the same list puts before it (etcd's rules).
#[derive(Default)]
struct Writes<'a> {
    puts: BTreeSet<&'a Bytes>,
    deletes: Spans,
}

impl<'a> Writes<'a> {
    fn of(ops: &'a [Op]) -> Result<Self, Error> {
        let mut writes = Self::default();
        for op in ops {
            if let Op::Delete { range: range @ (KeyRange::Key(_) | KeyRange::Span(..)), .. } = op {
                writes.deletes.insert(range);
            }
        }
        for op in ops {
            if let Op::Txn(nested) = op {
                writes.take_nested(Self::of(&nested.success)?, Self::of(&nested.failure)?)?;
            }
        }
        for op in ops {
            if let Op::Put(put) = op {
                writes.put(&put.key, None)?;
            }
        }
        Ok(writes)
    }

    fn take_nested(&mut self, success: Self, failure: Self) -> Result<(), Error> {
        for key in &success.puts {
            self.put(key, None)?;
        }
        for key in failure.puts {
            self.put(key, Some(&success.puts))?;
        }
        self.deletes.absorb(success.deletes);
        self.deletes.absorb(failure.deletes);
        Ok(())
    }

    /// Adds a put that must be the first of its key, unless the other is of the excluding branch.
    fn put(&mut self, key: &'a Bytes, excluding: Option<&BTreeSet<&Bytes>>) -> Result<(), Error> {
        let again = !self.puts.insert(key);
        let excluded = excluding.is_some_and(|other| other.contains(key));
        if (again && !excluded) || self.deletes.contains(key) {
            return Err(Error::DuplicateKey { key: String::from_utf8_lossy(key).into_owned() });
        }
        Ok(())
    }
}

/// A set of keys as disjoint spans: start, included, to end, excluded, or without end.
#[derive(Default)]
struct Spans(BTreeMap<Bytes, Option<Bytes>>);

impl Spans {
    fn insert(&mut self, range: &KeyRange) {
        self.add(range.start().clone(), range.end());
    }

    fn absorb(&mut self, other: Self) {
        for (start, end) in other.0 {
            self.add(start, end);
        }
    }

    fn add(&mut self, mut start: Bytes, mut end: Option<Bytes>) {
        if end.as_ref().is_some_and(|end| *end <= start) {
            return;
        }
        if let Some((before, until)) = self.0.range::<Bytes, _>(..=&start).next_back()
            && until.as_ref().is_none_or(|until| *until >= start)
        {
            start = before.clone();
        }
        // Everything that begins within the new span becomes part of it.
        while let Some((next, until)) = self.0.range::<Bytes, _>(&start..).next()
            && end.as_ref().is_none_or(|end| next <= end)
        {
            end = match (end, until) {
                (Some(end), Some(until)) => Some(end.max(until.clone())),
                _ => None,
            };
            let next = next.clone();
            self.0.remove(&next);
        }
        self.0.insert(start, end);
    }

    fn contains(&self, key: &Bytes) -> bool {
        let before = self.0.range::<Bytes, _>(..=key).next_back();
        before.is_some_and(|(_, end)| end.as_ref().is_none_or(|end| key < end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestId;
    use quorate_seams::{Random, SeededRandom};

    fn key(number: u64) -> Bytes {
        Bytes::from(format!("{number:02}"))
    }

    #[test]
    fn spans_contain_what_any_of_their_ranges_contains() {
        for seed in 0..200 {
            let random = SeededRandom::new(seed);
            let mut spans = Spans::default();
            let ranges: Vec<KeyRange> = (0..random.below(8))
                .map(|_| match random.below(8) {
                    0 => KeyRange::From(key(random.below(40) + 10)),
                    1 | 2 => KeyRange::Key(key(random.below(50))),
                    _ => KeyRange::Span(key(random.below(50)), key(random.below(50))),
                })
                .collect();
            ranges.iter().for_each(|range| spans.insert(range));
            for number in 0..50 {
                let key = key(number);
                let want = ranges.iter().any(|range| range.contains(&key));
                assert_eq!(spans.contains(&key), want, "seed {seed}: {key:?} of {ranges:?}");
            }
            let ends: Vec<_> = spans.0.iter().collect();
            let apart = ends.windows(2).all(|pair| pair[0].1.as_ref() < Some(pair[1].0));
            assert!(apart, "seed {seed}: {ends:?}");
        }
    }

    fn nested(success: impl IntoIterator<Item = Op>, failure: impl IntoIterator<Item = Op>) -> Op {
        Op::Txn(Txn::ops(success).otherwise(failure))
    }

    #[test]
    fn the_rules_for_writing_a_key_twice_are_etcds() {
        let put = || Op::put("k", "1");
        let delete = || Op::delete("k");
        let endless = || Op::Delete { range: KeyRange::From("a".into()), prev_kv: false };
        let accepted = [
            vec![put(), endless()],
            vec![endless(), nested([put()], [])],
            vec![nested([put()], [put()])],
            vec![nested([delete()], [put()])],
            vec![nested([put()], []), nested([delete()], [])],
            vec![delete(), nested([delete()], [delete()])],
            vec![nested([nested([put()], [put()])], [put()])],
        ];
        for ops in accepted {
            assert_eq!(Txn::ops(ops.clone()).check(10), Ok(()), "{ops:?}");
        }
        let refused = [
            vec![put(), put()],
            vec![put(), nested([put()], [])],
            vec![nested([], [put()]), put()],
            vec![nested([put()], []), nested([], [put()])],
            vec![delete(), nested([put()], [])],
            vec![nested([put()], []), delete()],
            vec![nested([delete()], []), put()],
            vec![nested([delete()], []), nested([put()], [])],
            vec![nested([put(), delete()], [])],
            vec![nested([nested([put()], [])], []), put()],
        ];
        for ops in refused {
            let want = Err(Error::DuplicateKey { key: "k".to_owned() });
            assert_eq!(Txn::ops(ops.clone()).check(10), want, "{ops:?}");
            assert_eq!(Txn::default().otherwise(ops.clone()).check(10), want, "failure: {ops:?}");
        }
    }

    #[test]
    fn a_nested_transaction_has_what_is_left_of_the_operations() {
        let puts = |count: usize| (0..count).map(|number| Op::put(format!("k{number}"), "v"));
        let around = |inner: usize, beside: usize| {
            let beside = (0..beside).map(|number| Op::put(format!("beside{number}"), "v"));
            Txn::ops([Op::Txn(Txn::ops(puts(inner)))].into_iter().chain(beside))
        };
        assert_eq!(around(125, 2).check(128), Ok(()));
        let want = Err(Error::TooManyOps { given: 126, limit: 125 });
        assert_eq!(around(126, 2).check(128), want);
    }

    #[test]
    fn nesting_is_bounded_and_only_the_outermost_is_named() {
        let deep =
            |depth: usize| (1..depth).fold(Txn::put("k", "v"), |txn, _| Txn::ops([Op::Txn(txn)]));
        assert_eq!(deep(MAX_TXN_DEPTH).check(4096), Ok(()));
        assert!(matches!(deep(MAX_TXN_DEPTH + 1).check(4096), Err(Error::Invalid { .. })));
        let named = Txn::put("k", "v").identified(RequestId(7));
        assert_eq!(named.check(10), Ok(()));
        assert!(matches!(Txn::ops([Op::Txn(named)]).check(10), Err(Error::Invalid { .. })));
    }
}
