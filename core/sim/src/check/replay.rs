//! Linearizability by replay: answers carry revisions, so the order is given and not searched.
//!
//! Proves that the observed history is a history of the model, that every change in it was asked
//! for, that every answer is what the model gives at its revision, and that revisions respect the
//! order of time.

use crate::clients::writer;
use crate::history::{Answer, Change, Findings, Moment, Operation, Recorded, Request};
use crate::model::Model;
use quorate_store::{
    Consistency, Error, Event, EventKind, KeyValue, RangeRequest, RangeResponse, Txn, TxnResponse,
};
use quorate_types::{LeaseId, Revision};
use std::collections::{BTreeMap, BTreeSet};

/// Checks history and answers; gives the model with the whole history in it.
pub(crate) fn check(recorded: &Recorded, findings: &Findings) -> Model {
    let mut model = Model::default();
    let mut expected = Revision(2);
    for (revision, change) in &recorded.changes {
        if *revision != expected {
            findings.violation(format!("revision {expected} is missing before {revision}"));
            return model;
        }
        if let Err(reason) = model.apply(*revision, &change.events) {
            findings.violation(reason);
            return model;
        }
        expected = revision.next();
    }
    let replay = Replay { recorded, model: &model, findings, last: expected.prev() };
    replay.attribute();
    for (number, operation) in recorded.operations.iter().enumerate() {
        replay.check_answer(number, operation);
    }
    model
}

struct Replay<'a> {
    recorded: &'a Recorded,
    model: &'a Model,
    findings: &'a Findings,
    last: Revision,
}

fn puts(events: &[Event]) -> impl Iterator<Item = &KeyValue> {
    events.iter().filter(|event| event.kind == EventKind::Put).map(|event| &event.kv)
}

/// Events of one revision in the order of keys: a transaction's order of operations is its own.
fn sorted(events: &[Event]) -> Vec<Event> {
    let mut events = events.to_vec();
    events.sort_by(|a, b| a.kv.key.cmp(&b.kv.key));
    events
}

impl Replay<'_> {
    fn violation(&self, text: String) {
        self.findings.violation(text);
    }

    /// Every change has exactly one operation, or a lease, behind it.
    fn attribute(&self) {
        let mut acknowledged: BTreeMap<Revision, usize> = BTreeMap::new();
        for (number, operation) in self.recorded.operations.iter().enumerate() {
            if let (Request::Txn(txn), Answer::Txn(answer)) =
                (&operation.request, &operation.answer)
                && self.changed(txn, answer)
                && let Some(other) = acknowledged.insert(answer.revision, number)
            {
                let revision = answer.revision;
                self.violation(format!(
                    "operations {other} and {number} both changed revision {revision}"
                ));
            }
        }
        let mut written = BTreeSet::new();
        for (revision, change) in &self.recorded.changes {
            let by_value = puts(&change.events).next().and_then(|kv| writer(&kv.value));
            match by_value.or_else(|| acknowledged.get(revision).copied()) {
                Some(number) => {
                    if !written.insert(number) {
                        self.violation(format!(
                            "operation {number} was applied twice, again at revision {revision}"
                        ));
                    }
                    self.check_change(*revision, change, number);
                }
                None => self.check_deletion(*revision, change),
            }
        }
    }

    /// Whether an acknowledged transaction says that it changed something at its revision.
    fn changed(&self, txn: &Txn, answer: &TxnResponse) -> bool {
        let (expected, events) = self.model.run(txn, answer.revision.prev());
        let change = self.recorded.changes.get(&answer.revision);
        !events.is_empty()
            && expected == *answer
            && change.is_some_and(|change| sorted(&change.events) == sorted(&events))
    }

    fn check_change(&self, revision: Revision, change: &Change, number: usize) {
        let Some(Operation { request: Request::Txn(txn), answer, invoked, .. }) =
            self.recorded.operations.get(number)
        else {
            return self.violation(format!(
                "revision {revision} was written by operation {number}, which nobody asked for"
            ));
        };
        if let Answer::Refused(error) = answer {
            self.violation(format!(
                "operation {number} was refused ({error}) and yet changed revision {revision}"
            ));
        }
        if *invoked > change.seen {
            self.violation(format!(
                "revision {revision} was seen before operation {number} was asked for"
            ));
        }
        let (_, expected) = self.model.run(txn, revision.prev());
        if sorted(&expected) != sorted(&change.events) {
            self.violation(format!(
                "operation {number} ({txn:?}) should have changed {expected:?} at revision {revision}, it changed {:?}",
                change.events
            ));
        }
    }

    /// A change without an acknowledged operation: a lease ended, or a deletion of unknown outcome.
    fn check_deletion(&self, revision: Revision, change: &Change) {
        let leases: BTreeSet<LeaseId> = change
            .events
            .iter()
            .filter_map(|event| event.prev_kv.as_ref())
            .map(|kv| kv.lease)
            .collect();
        if !leases.contains(&LeaseId::NONE) {
            return;
        }
        let explains = |operation: &Operation| match (&operation.request, &operation.answer) {
            (Request::Txn(txn), Answer::Unknown) if operation.invoked < change.seen => {
                sorted(&self.model.run(txn, revision.prev()).1) == sorted(&change.events)
            }
            _ => false,
        };
        if !self.recorded.operations.iter().any(explains) {
            self.violation(format!(
                "nobody asked for the deletions of revision {revision}: {:?}",
                change.events
            ));
        }
    }

    fn check_answer(&self, number: usize, operation: &Operation) {
        match (&operation.request, &operation.answer) {
            (Request::Txn(txn), Answer::Txn(answer)) => self.check_txn(number, txn, answer),
            (Request::Range(request), Answer::Range(answer)) => {
                self.check_range(number, request, answer);
            }
            (Request::Range(request), Answer::Refused(Error::Compacted { .. })) => {
                let asked = self.recorded.compactions_asked.iter().max().copied();
                if request.revision == Revision::NONE
                    || asked.is_none_or(|it| request.revision >= it)
                {
                    self.violation(format!("operation {number} ({request:?}) was refused as compacted; the newest compaction asked for is {asked:?}"));
                }
            }
            _ => {}
        }
    }

    fn check_txn(&self, number: usize, txn: &Txn, answer: &TxnResponse) {
        if answer.revision > self.last {
            return self.violation(format!(
                "operation {number} was acknowledged at revision {}, the history ends at {}",
                answer.revision, self.last
            ));
        }
        let on_before = self.model.run(txn, answer.revision.prev());
        if !on_before.1.is_empty() && on_before.0 == *answer {
            let changed = self.recorded.changes.get(&answer.revision);
            if changed.is_some_and(|change| sorted(&change.events) == sorted(&on_before.1)) {
                return;
            }
        }
        let (unchanged, events) = self.model.run(txn, answer.revision);
        if !events.is_empty() || unchanged != *answer {
            self.violation(format!(
                "operation {number} ({txn:?}) was answered {answer:?}; the history says {:?} or, if nothing changed, {unchanged:?}",
                on_before.0
            ));
        }
    }

    fn check_range(&self, number: usize, request: &RangeRequest, answer: &RangeResponse) {
        if answer.revision > self.last {
            return self.violation(format!(
                "operation {number} read revision {}, the history ends at {}",
                answer.revision, self.last
            ));
        }
        let at = if request.revision > Revision::NONE { request.revision } else { answer.revision };
        let mut expected = self.model.read(request, at);
        expected.revision = answer.revision;
        if expected != *answer {
            self.violation(format!(
                "operation {number} ({request:?}) was answered {answer:?}, the history says {expected:?}"
            ));
        }
    }
}

/// What happens at a moment, as far as revisions are concerned.
enum Step {
    /// A revision is known to exist from here on.
    Known(Revision),
    /// A member has answered a read from this revision.
    Answered((u64, u64), Revision),
    /// An operation begins.
    Begin(usize),
}

fn steps(recorded: &Recorded) -> Vec<(Moment, Step)> {
    let mut steps: Vec<(Moment, Step)> = Vec::new();
    for (number, operation) in recorded.operations.iter().enumerate() {
        steps.push((operation.invoked, Step::Begin(number)));
        let Some(returned) = operation.returned else { continue };
        match &operation.answer {
            Answer::Txn(answer) => steps.push((returned, Step::Known(answer.revision))),
            Answer::Range(answer) => {
                let member = (operation.member.0, operation.incarnation);
                steps.push((returned, Step::Known(answer.revision)));
                steps.push((returned, Step::Answered(member, answer.revision)));
            }
            _ => {}
        }
    }
    let seen = recorded.changes.iter().map(|(revision, it)| (it.seen, Step::Known(*revision)));
    steps.extend(seen);
    steps.sort_by_key(|(moment, _)| *moment);
    steps
}

/// Checks that answers respect the order of time: what is asked later never sees an older store,
/// and a member's own state never goes back.
pub(crate) fn check_order(recorded: &Recorded, findings: &Findings) {
    let mut known = Revision::NONE;
    let mut applied: BTreeMap<(u64, u64), Revision> = BTreeMap::new();
    for (_, step) in steps(recorded) {
        match step {
            Step::Known(revision) => known = known.max(revision),
            Step::Answered(member, revision) => {
                let floor = applied.entry(member).or_default();
                *floor = (*floor).max(revision);
            }
            Step::Begin(number) => {
                let operation = &recorded.operations[number];
                let member = (operation.member.0, operation.incarnation);
                let own = applied.get(&member).copied().unwrap_or_default();
                check_floor(number, operation, known, own, findings);
            }
        }
    }
}

fn check_floor(
    number: usize,
    operation: &Operation,
    known: Revision,
    own: Revision,
    findings: &Findings,
) {
    let (floor, answered) = match (&operation.request, &operation.answer) {
        (Request::Txn(_), Answer::Txn(answer)) => (known, answer.revision),
        (Request::Range(request), Answer::Range(answer)) => match request.consistency {
            Consistency::Linearizable => (known, answer.revision),
            Consistency::Serializable => (own, answer.revision),
        },
        _ => return,
    };
    if answered < floor {
        findings.violation(format!(
            "operation {number} began when revision {floor} was known and was answered at {answered}: {:?}",
            operation.request
        ));
    }
}
