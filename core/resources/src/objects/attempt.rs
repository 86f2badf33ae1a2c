//! One transaction for many changes: assembling it, running it, and finding out why it did not hold.

use super::namespace::Gates;
use super::plan::{self, Drawn, Effect, Step};
use super::{Change, Objects, remove};
use crate::{
    Admitted, Claims, Error, GroupKind, KindInfo, Object, ObjectKey, Revision, storage, timestamp,
};
use bytes::Bytes;
use futures::future::try_join_all;
use quorate_store::{Compare, Op, OpResponse, RangeRequest, Txn, TxnResponse};
use quorate_types::Uid;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a commit did.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) revision: Revision,
    pub(super) results: Vec<(Effect, Object)>,
}

/// How an attempt ended that did not fail for good.
#[derive(Debug)]
pub(super) enum Attempt {
    Done(Outcome),
    /// Something changed that the caller did not pin: worth another attempt on fresh state.
    Again {
        kind: GroupKind,
        key: ObjectKey,
        reason: &'static str,
    },
}

/// Everything the transaction consists of, in the order of the changes.
struct Parts<'i> {
    /// The caller's changes, and after them those that admission adds.
    steps: Vec<Step<'i>>,
    /// How many are the caller's.
    own: usize,
    keys: Vec<Bytes>,
    effects: Vec<Effect>,
    gates: Gates,
    claims: Claims,
    writes: Vec<Op>,
}

impl Objects {
    /// Tries to commit the changes once.
    pub(super) async fn attempt(&self, changes: &[Change], fresh: bool) -> Result<Attempt, Error> {
        let steps = try_join_all(changes.iter().map(|change| self.form(change))).await?;
        let parts = self.assemble(steps, fresh).await?;
        if let Some(outcome) = nothing_to_do(&parts) {
            return Ok(Attempt::Done(outcome));
        }
        let response = self.store().txn(transaction(&parts).fenced(self.fence)).await?;
        if response.succeeded {
            return Ok(Attempt::Done(outcome(parts, response.revision)));
        }
        diagnose(&parts, &response)
    }

    async fn form(&self, change: &Change) -> Result<Step<'_>, Error> {
        match change {
            Change::Create(object) => {
                let info = self.info_of(object)?;
                plan::create(info, object.clone(), self.draw())
            }
            Change::Update { object, old } => {
                let info = self.info_of(object)?;
                let (old, given) = self.old(info, &object.key(), old.as_ref()).await?;
                plan::update(info, object.clone(), old, given)
            }
            Change::UpdateStatus { object, old } => {
                let info = self.info_of(object)?;
                let (old, given) = self.old(info, &object.key(), old.as_ref()).await?;
                plan::status(info, object, old, given)
            }
            Change::Delete { kind, key, options, old } => {
                let info = self.registry().require(kind)?;
                let (old, given) = self.old(info, key, old.as_ref()).await?;
                remove::delete(info, options, old, given, self.seams().clock.wall())
            }
        }
    }

    fn info_of(&self, object: &Object) -> Result<&KindInfo, Error> {
        self.registry().resolve(&object.api_version, &object.kind)
    }

    fn draw(&self) -> Drawn {
        let seams = self.seams();
        Drawn {
            uid: Uid::from_random(seams.random.next_u128()),
            suffix: seams.random.name_suffix(),
            now: timestamp::format(seams.clock.wall()),
        }
    }

    /// The object before the change, and whether the caller gave it.
    async fn old(
        &self,
        info: &KindInfo,
        key: &ObjectKey,
        given: Option<&Arc<Object>>,
    ) -> Result<(Arc<Object>, bool), Error> {
        let usable =
            |old: &&Arc<Object>| old.metadata.resource_version.is_some() && old.key() == *key;
        if let Some(old) = given.filter(usable) {
            return Ok((old.clone(), true));
        }
        match self.find(info, key).await? {
            Some(old) => Ok((Arc::new(old), false)),
            None => Err(Error::NotFound { kind: info.group_kind(), key: key.clone() }),
        }
    }

    async fn assemble<'i>(
        &'i self,
        mut steps: Vec<Step<'i>>,
        fresh: bool,
    ) -> Result<Parts<'i>, Error> {
        let own = steps.len();
        let mut claims = Claims::default();
        for step in &mut steps {
            self.admit(step, &mut claims).await?;
        }
        let added = self.admit_all(&steps).await?;
        steps.extend(added);
        let keys = storage_keys(&steps)?;
        let effects = steps.iter_mut().map(plan::finish).collect::<Result<Vec<_>, _>>()?;
        let gates = self.gates(&steps, fresh).await?;
        let mut writes = Vec::new();
        for ((step, key), effect) in steps.iter_mut().zip(&keys).zip(&effects) {
            match effect {
                Effect::Put => writes.push(Op::put(key.clone(), storage::encode(&mut step.next)?)),
                Effect::Remove => writes.push(Op::delete(key.clone())),
                Effect::Keep => {}
            }
        }
        writes.append(&mut claims.ops);
        Ok(Parts { steps, own, keys, effects, gates, claims, writes })
    }

    async fn admit(&self, step: &mut Step<'_>, claims: &mut Claims) -> Result<(), Error> {
        let Some(operation) = step.operation else { return Ok(()) };
        let deleting = operation == crate::Operation::Delete;
        for plugin in &self.shared.plugins {
            let old = step.old.as_deref();
            let added = if deleting {
                plugin.admit(self, operation, &mut step.next.clone(), old).await?
            } else {
                plugin.admit(self, operation, &mut step.next, old).await?
            };
            claims.compares.extend(added.compares);
            claims.ops.extend(added.ops);
        }
        Ok(())
    }
}

/// What the plugins have to say to all changes together.
impl Objects {
    async fn admit_all<'i>(&'i self, steps: &[Step<'_>]) -> Result<Vec<Step<'i>>, Error> {
        let changes: Vec<Admitted<'_>> = steps
            .iter()
            .filter_map(|step| {
                let (object, old) = (&step.next, step.old.as_deref());
                Some(Admitted { operation: step.operation?, object, old })
            })
            .collect();
        let mut added = Vec::new();
        if changes.is_empty() {
            return Ok(added);
        }
        for plugin in &self.shared.plugins {
            for change in plugin.admit_all(self, &changes).await? {
                // That its object has changed meanwhile is nobody's conflict.
                added.push(Step { pinned: false, ..self.form(&change).await? });
            }
        }
        Ok(added)
    }
}

fn storage_keys(steps: &[Step<'_>]) -> Result<Vec<Bytes>, Error> {
    let mut seen = BTreeSet::new();
    steps
        .iter()
        .map(|step| {
            let key = Bytes::from(step.info.storage_key(&step.next.key()));
            if seen.insert(key.clone()) {
                return Ok(key);
            }
            Err(Error::Twice { kind: step.next.group_kind(), key: step.next.key() })
        })
        .collect()
}

/// The revision a step builds on; none for a creation.
fn base(step: &Step<'_>) -> Revision {
    step.old.as_ref().and_then(|old| old.metadata.resource_version).unwrap_or(Revision::NONE)
}

/// When nothing is to be written and every object was read just now, no transaction is needed.
fn nothing_to_do(parts: &Parts<'_>) -> Option<Outcome> {
    let settled = parts.writes.is_empty()
        && parts.claims.compares.is_empty()
        && parts.steps.iter().all(|step| !step.pinned);
    settled.then(|| {
        let revision = parts.steps.iter().map(base).max().unwrap_or(Revision::NONE);
        let steps = parts.steps.iter().take(parts.own);
        let results = steps.map(|step| (Effect::Keep, step.next.clone())).collect();
        Outcome { revision, results }
    })
}

/// All compares and writes; if a compare fails, reads back what was compared.
fn transaction(parts: &Parts<'_>) -> Txn {
    let objects = parts.steps.iter().zip(&parts.keys).map(|(step, key)| (key.clone(), base(step)));
    let gates = parts.gates.iter().map(|(key, revision)| (Bytes::from(key.clone()), *revision));
    let mut txn = Txn::ops(parts.writes.iter().cloned());
    for (key, revision) in objects.chain(gates) {
        let mut probe = RangeRequest::key(key.clone());
        probe.keys_only = true;
        txn.failure.push(Op::Range(probe));
        txn.compares.push(Compare::mod_revision(key, revision));
    }
    txn.compares.extend(parts.claims.compares.iter().cloned());
    txn
}

fn outcome(parts: Parts<'_>, revision: Revision) -> Outcome {
    let results = parts
        .effects
        .into_iter()
        .zip(parts.steps)
        .take(parts.own)
        .map(|(effect, mut step)| {
            if effect == Effect::Put {
                step.next.metadata.resource_version = Some(revision);
            }
            (effect, step.next)
        })
        .collect();
    Outcome { revision, results }
}

/// Finds out which compare failed: a pinned object is the caller's conflict, anything else is worth
/// another attempt.
fn diagnose(parts: &Parts<'_>, response: &TxnResponse) -> Result<Attempt, Error> {
    let current: Vec<Revision> = response.responses.iter().map(found_revision).collect();
    let mut again = None;
    for (step, now) in parts.steps.iter().zip(&current) {
        let expected = base(step);
        if *now == expected {
            continue;
        }
        let (kind, key) = (step.next.group_kind(), step.next.key());
        if step.generated || !step.pinned {
            again = Some(Attempt::Again { kind, key, reason: "the object" });
            continue;
        }
        return Err(match (expected, *now) {
            (Revision::NONE, _) => Error::AlreadyExists { kind, key },
            (_, Revision::NONE) => Error::NotFound { kind, key },
            (expected, now) => {
                let reason = format!("resource version is {now}, the change builds on {expected}");
                Error::Conflict { kind, key, reason }
            }
        });
    }
    Ok(again.unwrap_or_else(|| unpinned(parts, &current)))
}

/// No object differs: a namespace or a claim does.
fn unpinned(parts: &Parts<'_>, current: &[Revision]) -> Attempt {
    let gates = parts.gates.values().zip(current.iter().skip(parts.steps.len()));
    let moved = gates.into_iter().any(|(expected, now)| expected != now);
    let reason = if moved { "the namespace" } else { "what admission relied on" };
    let (kind, key) = match parts.steps.first() {
        Some(step) => (step.next.group_kind(), step.next.key()),
        None => (GroupKind::new("", ""), ObjectKey::cluster("")),
    };
    Attempt::Again { kind, key, reason }
}

fn found_revision(response: &OpResponse) -> Revision {
    match response {
        OpResponse::Range(found) => found.kvs.first().map_or(Revision::NONE, |kv| kv.mod_revision),
        _ => Revision::NONE,
    }
}
