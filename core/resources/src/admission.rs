//! Plugins that see every object before it is written.

use crate::{Change, Error, Object, Objects};
use async_trait::async_trait;
use quorate_store::{Compare, Op};
use std::fmt::Debug;

/// What is about to happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// It is created.
    Create,
    /// Anything but its status changes.
    Update,
    /// Its deletion is requested.
    Delete,
}

/// What a plugin adds to the transaction that writes the object: a counter under a compare, say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Conditions; when one fails, admission runs again on fresh state.
    pub compares: Vec<Compare>,
    /// Writes, of keys that no other part of the transaction writes.
    pub ops: Vec<Op>,
}

/// One change of a transaction, as it will be written.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<'a> {
    /// What happens to the object.
    pub operation: Operation,
    /// The object after the change; its last state if it is deleted.
    pub object: &'a Object,
    /// The object before; `None` if it is created.
    pub old: Option<&'a Object>,
}

/// Refuses, completes or counts objects before they are written.
#[async_trait]
pub trait Admission: Send + Sync + Debug + 'static {
    /// Name for error messages.
    fn name(&self) -> &'static str;

    /// Sees an object after defaulting and before validation; changes to a deleted object are
    /// ignored. May run several times for one write, so it must not write by itself: it returns
    /// claims instead.
    ///
    /// # Errors
    /// The object is refused, [`Error::Denied`] or [`Error::Invalid`] preferably.
    async fn admit(
        &self,
        objects: &Objects,
        operation: Operation,
        object: &mut Object,
        old: Option<&Object>,
    ) -> Result<Claims, Error>;

    /// Sees all changes of a transaction together, after each has been admitted by itself: what is
    /// counted over several objects is counted here. The changes that it returns become part of the
    /// transaction without being admitted themselves; when one of their objects has changed since it
    /// was read, admission runs again on fresh state.
    ///
    /// # Errors
    /// The transaction is refused.
    async fn admit_all(
        &self,
        _objects: &Objects,
        _changes: &[Admitted<'_>],
    ) -> Result<Vec<Change>, Error> {
        Ok(Vec::new())
    }
}
