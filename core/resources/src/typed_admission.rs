//! Admission of one kind, written against its Rust type.
//!
//! Invariant: fields that the type does not have stay as they are; of what the plugin changes only the
//! difference is carried over.

use crate::{Admission, Claims, Error, Kind, Object, Objects, Operation, merge};
use async_trait::async_trait;
use serde_json::Value;
use std::fmt::Debug;
use std::marker::PhantomData;

/// Refuses, completes or counts objects of one kind before they are written.
#[async_trait]
pub trait TypedAdmission<K: Kind>: Send + Sync + Debug + 'static {
    /// Name for error messages.
    fn name(&self) -> &'static str;

    /// As [`Admission::admit`], for objects of the kind only.
    ///
    /// # Errors
    /// The object is refused.
    async fn admit(
        &self,
        objects: &Objects,
        operation: Operation,
        object: &mut K,
        old: Option<&K>,
    ) -> Result<Claims, Error>;
}

/// A typed plugin as a plugin for all objects, which passes over those of other kinds.
#[derive(Debug)]
pub struct ForKind<K, P> {
    plugin: P,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind, P: TypedAdmission<K>> ForKind<K, P> {
    /// The plugin for [`Objects::with_admission`].
    pub fn new(plugin: P) -> Self {
        Self { plugin, kind: PhantomData }
    }
}

#[async_trait]
impl<K: Kind, P: TypedAdmission<K>> Admission for ForKind<K, P> {
    fn name(&self) -> &'static str {
        self.plugin.name()
    }

    async fn admit(
        &self,
        objects: &Objects,
        operation: Operation,
        object: &mut Object,
        old: Option<&Object>,
    ) -> Result<Claims, Error> {
        if object.group_kind() != K::group_kind() {
            return Ok(Claims::default());
        }
        let mut value: K = object.decode()?;
        let old = old.map(Object::decode::<K>).transpose()?;
        let before = json(&value)?;
        let claims = self.plugin.admit(objects, operation, &mut value, old.as_ref()).await?;
        let after = json(&value)?;
        if after != before {
            let live = json(object)?;
            let merged = merge::three_way(&before, &after, &live, &[]);
            *object =
                Object::from_value(merged).map_err(|fault| Error::invalid(object, vec![fault]))?;
        }
        Ok(claims)
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Malformed {
        what: "an object under admission".to_owned(),
        message: error.to_string(),
    })
}
