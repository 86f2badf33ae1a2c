//! Creations need a namespace that exists and is not being deleted.
//!
//! The namespace is read before the transaction, from what the member has applied; a compare on
//! its key in the transaction makes that safe against a deletion meanwhile.

use super::Objects;
use super::plan::Step;
use crate::{Error, GroupKind, KindInfo, ObjectKey, Operation, Revision, decode_stored};
use quorate_store::{Consistency, RangeRequest};
use std::collections::{BTreeMap, BTreeSet};

/// The keys and revisions of the namespaces that a transaction relies on.
pub(super) type Gates = BTreeMap<String, Revision>;

impl Objects {
    /// Finds the namespaces of all creations. Without a registered kind `Namespace` there is
    /// nothing to find.
    pub(super) async fn gates(&self, steps: &[Step<'_>], fresh: bool) -> Result<Gates, Error> {
        let Some(info) = self.registry().kind(&GroupKind::new("", "Namespace")) else {
            return Ok(Gates::new());
        };
        let mut gates = Gates::new();
        let mut known: BTreeSet<&str> = created_namespaces(steps).collect();
        for step in steps.iter().filter(|step| step.operation == Some(Operation::Create)) {
            let Some(namespace) = &step.next.metadata.namespace else { continue };
            if !step.info.namespaced || !known.insert(namespace) {
                continue;
            }
            let (key, revision) = self.gate(info, step, namespace, fresh).await?;
            gates.insert(key, revision);
        }
        Ok(gates)
    }

    async fn gate(
        &self,
        info: &KindInfo,
        step: &Step<'_>,
        namespace: &str,
        fresh: bool,
    ) -> Result<(String, Revision), Error> {
        let key = info.storage_key(&ObjectKey::cluster(namespace));
        if !fresh
            && let State::Active(revision) =
                self.namespace_state(&key, Consistency::Serializable).await?
        {
            return Ok((key, revision));
        }
        let (kind, object) = (step.next.group_kind(), step.next.key());
        let namespace = namespace.to_owned();
        match self.namespace_state(&key, Consistency::Linearizable).await? {
            State::Active(revision) => Ok((key, revision)),
            State::Missing => Err(Error::NamespaceMissing { kind, key: object, namespace }),
            State::Terminating => Err(Error::NamespaceTerminating { kind, key: object, namespace }),
        }
    }

    async fn namespace_state(&self, key: &str, how: Consistency) -> Result<State, Error> {
        let mut request = RangeRequest::key(key.to_owned());
        request.consistency = how;
        let found = self.store().range(request).await?;
        let Some(kv) = found.kvs.first() else { return Ok(State::Missing) };
        let deleting = decode_stored(kv)?.metadata.is_deleting();
        Ok(if deleting { State::Terminating } else { State::Active(kv.mod_revision) })
    }
}

enum State {
    Active(Revision),
    Missing,
    Terminating,
}

/// Namespaces that the same transaction creates.
fn created_namespaces<'s>(steps: &'s [Step<'_>]) -> impl Iterator<Item = &'s str> {
    steps
        .iter()
        .filter(|step| step.operation == Some(Operation::Create))
        .filter(|step| step.info.kind == "Namespace" && step.info.group.is_empty())
        .map(|step| step.next.metadata.name.as_str())
}
