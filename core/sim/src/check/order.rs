//! Linearizability without revisions: for each key, is there an order of the operations on it that
//! explains every answer and respects time? A server that lies consistently about revisions is
//! caught here.
//!
//! Operations are projected on single keys (keys without leases), which keeps the property: if the
//! store is linearizable, so is every key. The search goes through the moments in order and keeps
//! every possible state: the value, and which open operations have taken effect (after Wing and Gong
//! 1993, and Lowe 2017).

use crate::clients::writer;
use crate::history::{Answer, Findings, Moment, Operation, Recorded, Request};
use bytes::Bytes;
use quorate_store::{
    CompareOp, CompareTarget, Consistency, KeyRange, Op, OpResponse, RangeResponse, Txn,
    TxnResponse,
};
use quorate_types::Revision;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Most states that the search of one key may be in.
const STATES: usize = 20_000;

/// A value by its writer; `None`: the key does not exist.
type Value = Option<u64>;

/// What an operation does to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Read(Value),
    Write(Value),
    /// Reads the first, then writes the second.
    ReadWrite(Value, Value),
    /// Writes only if the value is the first; nobody knows.
    Perhaps(Value, Value),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    invoked: Moment,
    /// `None`: nobody knows whether it ever takes effect.
    returned: Option<Moment>,
    act: Act,
}

/// Searches an order for every key; gives how many keys were too hard.
pub(crate) fn check(recorded: &Recorded, findings: &Findings) -> u64 {
    let mut undecided = 0;
    for (key, calls) in project(recorded) {
        match search(&calls) {
            Verdict::Ordered => {}
            Verdict::Undecided => undecided += 1,
            Verdict::Impossible(moment) => findings.violation(format!(
                "no order of the operations on {key:?} explains the answer at moment {moment}"
            )),
        }
    }
    undecided
}

fn number(value: &[u8]) -> u64 {
    let part = value.rsplit(|byte| *byte == b'.').next().and_then(|part| part.first()).copied();
    writer(value).map_or(0, |number| number as u64 * 4 + u64::from(part.unwrap_or(b'0') - b'0'))
}

fn project(recorded: &Recorded) -> BTreeMap<Bytes, Vec<Call>> {
    let keys: BTreeSet<Bytes> = recorded
        .changes
        .values()
        .flat_map(|change| &change.events)
        .map(|event| event.kv.key.clone())
        .filter(|key| key.starts_with(b"k"))
        .collect();
    let mut calls: BTreeMap<Bytes, Vec<Call>> = BTreeMap::new();
    for key in keys {
        let mut of_key: Vec<Call> =
            recorded.operations.iter().filter_map(|operation| call(operation, &key)).collect();
        drop_unobserved(&mut of_key);
        calls.insert(key, of_key);
    }
    calls
}

/// What the operation is for the key, if it says anything about it.
fn call(operation: &Operation, key: &Bytes) -> Option<Call> {
    let (act, known) = match (&operation.request, &operation.answer) {
        (Request::Range(request), Answer::Range(answer)) => {
            let now = request.revision == Revision::NONE
                && request.consistency == Consistency::Linearizable
                && request.limit == 0;
            let inside = now && request.range.contains(key);
            (inside.then(|| Act::Read(value_in(answer, key)))?, true)
        }
        (Request::Txn(txn), Answer::Txn(answer)) => (answered(txn, answer, key)?, true),
        (Request::Txn(txn), Answer::Unknown) => (unknown(txn, key)?, false),
        _ => return None,
    };
    let returned = operation.returned.filter(|_| known);
    Some(Call { invoked: operation.invoked, returned, act })
}

fn value_in(answer: &RangeResponse, key: &Bytes) -> Value {
    answer.kvs.iter().find(|kv| kv.key == *key).map(|kv| number(&kv.value))
}

/// What the operations of a branch leave in the key, if they touch it.
fn effect(ops: &[Op], key: &Bytes) -> Option<Value> {
    let mut effect = None;
    for op in ops {
        match op {
            Op::Put(put) if put.key == *key => effect = Some(Some(number(&put.value))),
            Op::Delete { range, .. } if range.contains(key) => effect = Some(None),
            // Clients nest only what does the same to every key in both branches.
            Op::Txn(nested) => effect = self::effect(&nested.success, key).or(effect),
            _ => {}
        }
    }
    effect
}

/// The value that a compare on the key demands.
fn demanded(txn: &Txn, key: &Bytes) -> Option<Value> {
    txn.compares.iter().find_map(|compare| match (&compare.range, compare.op, &compare.target) {
        (KeyRange::Key(compared), CompareOp::Equal, CompareTarget::Value(value))
            if compared == key =>
        {
            Some(Some(number(value)))
        }
        _ => None,
    })
}

fn answered(txn: &Txn, answer: &TxnResponse, key: &Bytes) -> Option<Act> {
    let ops = if answer.succeeded { &txn.success } else { &txn.failure };
    let demanded = demanded(txn, key).filter(|_| answer.succeeded);
    match (effect(ops, key), demanded) {
        (Some(after), Some(before)) => Some(Act::ReadWrite(before, after)),
        (Some(after), None) => match was(ops, answer, key) {
            Some(before) => Some(Act::ReadWrite(before, after)),
            None => Some(Act::Write(after)),
        },
        (None, Some(before)) => Some(Act::Read(before)),
        (None, None) => ops.iter().zip(&answer.responses).find_map(|pair| match pair {
            (Op::Range(request), OpResponse::Range(range)) if request.range.contains(key) => {
                Some(Act::Read(value_in(range, key)))
            }
            _ => None,
        }),
    }
}

/// The value before, if an answer tells it.
fn was(ops: &[Op], answer: &TxnResponse, key: &Bytes) -> Option<Value> {
    ops.iter().zip(&answer.responses).find_map(|pair| match pair {
        (Op::Put(put), OpResponse::Put { prev_kv }) if put.key == *key && put.prev_kv => {
            Some(prev_kv.as_ref().map(|kv| number(&kv.value)))
        }
        (Op::Delete { range, prev_kv: true }, OpResponse::Delete { prev_kvs, .. })
            if range.contains(key) =>
        {
            Some(prev_kvs.iter().find(|kv| kv.key == *key).map(|kv| number(&kv.value)))
        }
        _ => None,
    })
}

fn unknown(txn: &Txn, key: &Bytes) -> Option<Act> {
    let after = effect(&txn.success, key)?;
    Some(match demanded(txn, key) {
        Some(before) => Act::Perhaps(before, after),
        None => Act::Write(after),
    })
}

/// A write of unknown outcome whose value nobody ever saw need not have happened.
fn drop_unobserved(calls: &mut Vec<Call>) {
    let mut seen = BTreeSet::new();
    for call in calls.iter() {
        if let Act::Read(value) | Act::ReadWrite(value, _) | Act::Perhaps(value, _) = call.act {
            seen.insert(value);
        }
    }
    calls.retain(|call| match call.act {
        Act::Write(value) | Act::Perhaps(_, value) if call.returned.is_none() => {
            seen.contains(&value)
        }
        _ => true,
    });
}

enum Verdict {
    Ordered,
    Undecided,
    /// Up to the moment there is an order, then none.
    Impossible(Moment),
}

/// The value, and a bit for every open call that has taken effect.
type State = (Value, u64);

fn step(value: Value, act: Act) -> Option<Value> {
    match act {
        Act::Read(seen) => (seen == value).then_some(value),
        Act::Write(after) => Some(after),
        Act::ReadWrite(before, after) | Act::Perhaps(before, after) => {
            (before == value).then_some(after)
        }
    }
}

fn search(calls: &[Call]) -> Verdict {
    let mut moments: Vec<(Moment, bool, usize)> = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        moments.push((call.invoked, true, at));
        moments.extend(call.returned.map(|returned| (returned, false, at)));
    }
    moments.sort_unstable_by_key(|(moment, ..)| *moment);
    let mut states: HashSet<State> = HashSet::from([(None, 0)]);
    // Open calls by the bit that stands for them.
    let mut open: [Option<usize>; 64] = [None; 64];
    for (moment, begins, call) in moments {
        if begins {
            let Some(free) = open.iter().position(Option::is_none) else {
                return Verdict::Undecided;
            };
            open[free] = Some(call);
            continue;
        }
        let Some(bit) = open.iter().position(|it| *it == Some(call)) else { continue };
        let Some(after) = returned(&states, &open, calls, bit) else { return Verdict::Undecided };
        if after.is_empty() {
            return Verdict::Impossible(moment);
        }
        states = after;
        open[bit] = None;
    }
    Verdict::Ordered
}

/// The states in which the call of the bit has taken effect, with the bit cleared.
fn returned(
    states: &HashSet<State>,
    open: &[Option<usize>; 64],
    calls: &[Call],
    bit: usize,
) -> Option<HashSet<State>> {
    let mut after = HashSet::new();
    let mut seen: HashSet<State> = states.clone();
    let mut todo: Vec<State> = states.iter().copied().collect();
    while let Some((value, done)) = todo.pop() {
        if done & (1 << bit) != 0 {
            after.insert((value, done & !(1 << bit)));
            continue;
        }
        for (other, call) in open.iter().enumerate() {
            let Some(call) = call.filter(|_| done & (1 << other) == 0) else { continue };
            if let Some(next) = step(value, calls[call].act) {
                let state = (next, done | (1 << other));
                if seen.insert(state) {
                    todo.push(state);
                }
            }
        }
        if seen.len() > STATES {
            return None;
        }
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(invoked: Moment, returned: Moment, act: Act) -> Call {
        Call { invoked, returned: Some(returned), act }
    }

    fn is_ordered(calls: &[Call]) -> bool {
        matches!(search(calls), Verdict::Ordered)
    }

    #[test]
    fn a_read_sees_the_last_write_or_a_concurrent_one() {
        let write = call(1, 4, Act::Write(Some(1)));
        assert!(is_ordered(&[write, call(2, 3, Act::Read(Some(1)))]));
        assert!(is_ordered(&[write, call(2, 3, Act::Read(None))]));
        assert!(is_ordered(&[write, call(5, 6, Act::Read(Some(1)))]));
        assert!(!is_ordered(&[write, call(5, 6, Act::Read(None))]));
    }

    #[test]
    fn two_reads_never_see_writes_in_different_orders() {
        let first = call(1, 10, Act::Write(Some(1)));
        let second = call(2, 10, Act::Write(Some(2)));
        let seen = |a, b| [call(3, 4, Act::Read(Some(a))), call(5, 6, Act::Read(Some(b)))];
        assert!(is_ordered(&[&[first, second][..], &seen(1, 2)].concat()));
        assert!(is_ordered(&[&[first, second][..], &seen(2, 1)].concat()));
        let back = [call(7, 8, Act::Read(Some(1)))];
        assert!(!is_ordered(&[&[first, second][..], &seen(1, 2), &back].concat()));
    }

    #[test]
    fn a_lost_write_may_take_effect_late_and_only_once() {
        let lost = Call { invoked: 1, returned: None, act: Act::Write(Some(1)) };
        let reads = |values: &[Value]| {
            let read =
                |(at, value): (u64, &Value)| call(10 + 2 * at, 11 + 2 * at, Act::Read(*value));
            (0..).zip(values).map(read).collect::<Vec<_>>()
        };
        assert!(is_ordered(&[&[lost][..], &reads(&[None, None, Some(1)])].concat()));
        assert!(!is_ordered(&[&[lost][..], &reads(&[None, Some(1), None])].concat()));
        let race =
            [call(2, 3, Act::ReadWrite(None, Some(5))), call(4, 5, Act::ReadWrite(None, Some(6)))];
        assert!(!is_ordered(&race), "a compare that both win");
    }
}
