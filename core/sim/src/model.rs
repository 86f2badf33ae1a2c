//! What the store should be: every version of every key, from the changes that were seen.
//!
//! Independent of the implementation: written from etcd's documented model alone.

use bytes::Bytes;
use quorate_store::{
    Compare, CompareOp, CompareTarget, Event, EventKind, KeyRange, KeyValue, Op, OpResponse,
    RangeRequest, RangeResponse, Txn, TxnResponse,
};
use quorate_types::{LeaseId, Revision};
use std::collections::BTreeMap;

/// The key space over time.
#[derive(Debug, Default)]
pub(crate) struct Model {
    keys: BTreeMap<Bytes, BTreeMap<Revision, Option<KeyValue>>>,
}

/// The changes of a transaction that is being evaluated.
type Overlay = BTreeMap<Bytes, Option<KeyValue>>;

impl Model {
    /// Takes the next revision in; says what contradicts the state before it.
    pub(crate) fn apply(&mut self, revision: Revision, events: &[Event]) -> Result<(), String> {
        let mut seen = BTreeMap::new();
        for event in events {
            let key = &event.kv.key;
            if seen.insert(key.clone(), ()).is_some() {
                return Err(format!("revision {revision} changes {key:?} twice"));
            }
            let before = self.get(key, revision.prev()).cloned();
            let expected = expected_event(event, before, revision);
            if *event != expected {
                return Err(format!("revision {revision}: saw {event:?}, expected {expected:?}"));
            }
            let now = (event.kind == EventKind::Put).then(|| event.kv.clone());
            self.keys.entry(key.clone()).or_default().insert(revision, now);
        }
        Ok(())
    }

    pub(crate) fn get(&self, key: &Bytes, at: Revision) -> Option<&KeyValue> {
        self.keys.get(key)?.range(..=at).next_back()?.1.as_ref()
    }

    /// The keys of a range at a revision.
    pub(crate) fn scan(&self, range: &KeyRange, at: Revision) -> Vec<KeyValue> {
        let keys = self.keys.range(range.start().clone()..);
        let inside = keys.take_while(|(key, _)| range.contains(key));
        inside.filter_map(|(key, _)| self.get(key, at).cloned()).collect()
    }

    /// How a read must be answered at a revision, apart from the revision it reports.
    pub(crate) fn read(&self, request: &RangeRequest, at: Revision) -> RangeResponse {
        answer(request, self.scan(&request.range, at), Revision::NONE)
    }

    /// What a transaction on the state of a revision gives, and the changes it makes.
    pub(crate) fn run(&self, txn: &Txn, on: Revision) -> (TxnResponse, Vec<Event>) {
        let succeeded = txn.compares.iter().all(|compare| self.holds(compare, on));
        let ops = if succeeded { &txn.success } else { &txn.failure };
        let (mut overlay, mut events, mut responses) = (Overlay::new(), Vec::new(), Vec::new());
        for op in ops {
            responses.push(self.step(op, on, &mut overlay, &mut events));
        }
        (TxnResponse { revision: reached(on, &events), succeeded, responses }, events)
    }

    fn seen(&self, range: &KeyRange, on: Revision, overlay: &Overlay) -> Vec<KeyValue> {
        let mut found: BTreeMap<Bytes, KeyValue> =
            self.scan(range, on).into_iter().map(|kv| (kv.key.clone(), kv)).collect();
        for (key, change) in overlay.iter().filter(|(key, _)| range.contains(key)) {
            match change {
                Some(kv) => found.insert(key.clone(), kv.clone()),
                None => found.remove(key),
            };
        }
        found.into_values().collect()
    }

    fn step(
        &self,
        op: &Op,
        on: Revision,
        overlay: &mut Overlay,
        events: &mut Vec<Event>,
    ) -> OpResponse {
        match op {
            Op::Range(request) => {
                let found = match request.revision {
                    Revision::NONE => self.seen(&request.range, on, overlay),
                    past => self.scan(&request.range, past),
                };
                OpResponse::Range(answer(request, found, reached(on, events)))
            }
            Op::Put(put) => {
                let range = KeyRange::Key(put.key.clone());
                let before = self.seen(&range, on, overlay).pop();
                let kv = put_over(&put.key, &put.value, put.lease, before.as_ref(), on.next());
                overlay.insert(put.key.clone(), Some(kv.clone()));
                events.push(Event { kind: EventKind::Put, kv, prev_kv: before.clone() });
                OpResponse::Put { prev_kv: before.filter(|_| put.prev_kv) }
            }
            Op::Delete { range, prev_kv } => {
                let deleted = self.seen(range, on, overlay);
                for kv in &deleted {
                    overlay.insert(kv.key.clone(), None);
                    events.push(deletion(kv.clone(), on.next()));
                }
                let count = deleted.len() as u64;
                let prev_kvs = if *prev_kv { deleted } else { Vec::new() };
                OpResponse::Delete { deleted: count, prev_kvs }
            }
            Op::Txn(nested) => {
                // Compares see the state before the whole transaction, operations what came before.
                let succeeded = nested.compares.iter().all(|compare| self.holds(compare, on));
                let ops = if succeeded { &nested.success } else { &nested.failure };
                let responses = ops.iter().map(|op| self.step(op, on, overlay, events)).collect();
                let revision = reached(on, events);
                OpResponse::Txn(TxnResponse { revision, succeeded, responses })
            }
            other => unreachable!("clients do not use {other:?}"),
        }
    }

    fn holds(&self, compare: &Compare, on: Revision) -> bool {
        let found = self.scan(&compare.range, on);
        if found.is_empty() {
            let nothing = KeyValue::default();
            return !matches!(compare.target, CompareTarget::Value(_))
                && holds_for(compare, &nothing);
        }
        found.iter().all(|kv| holds_for(compare, kv))
    }
}

/// The revision within a transaction on a state, after these changes.
fn reached(on: Revision, events: &[Event]) -> Revision {
    if events.is_empty() { on } else { on.next() }
}

fn holds_for(compare: &Compare, kv: &KeyValue) -> bool {
    let order = match &compare.target {
        CompareTarget::Version(version) => kv.version.cmp(version),
        CompareTarget::CreateRevision(revision) => kv.create_revision.cmp(revision),
        CompareTarget::ModRevision(revision) => kv.mod_revision.cmp(revision),
        CompareTarget::Value(value) => kv.value.cmp(value),
        CompareTarget::Lease(lease) => kv.lease.cmp(lease),
    };
    match compare.op {
        CompareOp::Equal => order.is_eq(),
        CompareOp::NotEqual => order.is_ne(),
        CompareOp::Greater => order.is_gt(),
        CompareOp::Less => order.is_lt(),
    }
}

fn put_over(
    key: &Bytes,
    value: &Bytes,
    lease: LeaseId,
    before: Option<&KeyValue>,
    revision: Revision,
) -> KeyValue {
    KeyValue {
        key: key.clone(),
        value: value.clone(),
        create_revision: before.map_or(revision, |kv| kv.create_revision),
        mod_revision: revision,
        version: before.map_or(1, |kv| kv.version + 1),
        lease,
    }
}

fn deletion(before: KeyValue, revision: Revision) -> Event {
    let kv = KeyValue { key: before.key.clone(), mod_revision: revision, ..KeyValue::default() };
    Event { kind: EventKind::Delete, kv, prev_kv: Some(before) }
}

fn expected_event(seen: &Event, before: Option<KeyValue>, revision: Revision) -> Event {
    match (seen.kind, before) {
        (EventKind::Put, before) => {
            let KeyValue { key, value, lease, .. } = &seen.kv;
            let kv = put_over(key, value, *lease, before.as_ref(), revision);
            Event { kind: EventKind::Put, kv, prev_kv: before }
        }
        (EventKind::Delete, Some(before)) => deletion(before, revision),
        (EventKind::Delete, None) => {
            let kv = KeyValue { key: "(nothing to delete)".into(), ..KeyValue::default() };
            Event { kind: EventKind::Delete, kv, prev_kv: None }
        }
    }
}

fn answer(request: &RangeRequest, found: Vec<KeyValue>, revision: Revision) -> RangeResponse {
    let count = found.len() as u64;
    let limit = if request.limit == 0 { found.len() } else { request.limit };
    let more = !request.count_only && found.len() > limit;
    let kvs = if request.count_only { Vec::new() } else { found };
    let mut kvs: Vec<KeyValue> = kvs.into_iter().take(limit).collect();
    if request.keys_only {
        kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
    }
    RangeResponse { revision, kvs, count, more }
}
