//! Writing objects: each request is a commit of one change, or of many.

use super::attempt::{Attempt, Outcome};
use super::plan::Effect;
use super::{Change, Committed, DeleteOptions, Deleted, Objects};
use crate::{Error, GroupKind, Object, ObjectKey, Revision};

/// Attempts before a write gives up because others keep changing what it depends on. No attempt
/// waits: each failure means that somebody else succeeded.
const MAX_ATTEMPTS: u32 = 16;

impl Objects {
    /// Creates an object; status is ignored. With an empty name and a `generateName`, a name is
    /// drawn that is free.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::Invalid`], [`Error::NamespaceMissing`],
    /// [`Error::NamespaceTerminating`], [`Error::UnknownKind`], [`Error::TooLarge`], an admission
    /// plugin's refusal, or the store failed.
    pub async fn create(&self, object: Object) -> Result<Object, Error> {
        self.one(Change::Create(object)).await.map(|(_, object)| object)
    }

    /// Replaces an object; status is ignored. With a resource version the object must not have
    /// changed since, without one the last write wins. Nothing is written if nothing differs. The
    /// object goes if this was the last thing that kept a deleted one; its last state is returned.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::NotFound`], [`Error::Invalid`], or as for [`Objects::create`].
    pub async fn update(&self, object: Object) -> Result<Object, Error> {
        self.one(Change::Update { object, old: None }).await.map(|(_, object)| object)
    }

    /// Replaces the status of an object and nothing else; otherwise as [`Objects::update`].
    ///
    /// # Errors
    /// As for [`Objects::update`].
    pub async fn update_status(&self, object: Object) -> Result<Object, Error> {
        self.one(Change::UpdateStatus { object, old: None }).await.map(|(_, object)| object)
    }

    /// Requests the deletion of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] if it is not the object that the options describe,
    /// or the store failed.
    pub async fn delete(
        &self,
        kind: &GroupKind,
        key: &ObjectKey,
        options: DeleteOptions,
    ) -> Result<Deleted, Error> {
        let change = Change::Delete { kind: kind.clone(), key: key.clone(), options, old: None };
        let (effect, object) = self.one(change).await?;
        Ok(match effect {
            Effect::Remove => Deleted::Removed(object),
            Effect::Put | Effect::Keep => Deleted::Terminating(object),
        })
    }

    /// Makes all changes in one transaction, or none. A change that names the version it builds
    /// on, by resource version or `old`, is refused if the object has changed since; one that names
    /// none builds on the current state.
    ///
    /// # Errors
    /// As the single requests; the error names the object at fault. [`Error::Twice`] if an object
    /// occurs twice.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Committed, Error> {
        let outcome = self.run(&changes).await?;
        let objects = outcome
            .results
            .into_iter()
            .map(|(effect, object)| (effect != Effect::Remove).then_some(object))
            .collect();
        Ok(Committed { revision: outcome.revision, objects })
    }

    async fn one(&self, change: Change) -> Result<(Effect, Object), Error> {
        let mut outcome = self.run(std::slice::from_ref(&change)).await?;
        Ok(outcome.results.pop().expect("one change has one result"))
    }

    async fn run(&self, changes: &[Change]) -> Result<Outcome, Error> {
        if changes.is_empty() {
            return Ok(Outcome { revision: Revision::NONE, results: Vec::new() });
        }
        let mut attempts = 0;
        loop {
            let fresh = attempts > 0;
            attempts += 1;
            match self.attempt(changes, fresh).await? {
                Attempt::Done(outcome) => return Ok(outcome),
                Attempt::Again { kind, key, reason } if attempts >= MAX_ATTEMPTS => {
                    return Err(Error::Contended { kind, key, reason, attempts });
                }
                Attempt::Again { kind, key, reason } => {
                    tracing::debug!(%kind, %key, reason, attempts, "commit is tried again");
                }
            }
        }
    }
}
