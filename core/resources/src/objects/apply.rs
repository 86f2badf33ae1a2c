//! `apply`: makes an object as a manifest says and leaves alone what the manifest never said.

use super::{Action, Applied, Objects};
use crate::{Error, FieldError, KindInfo, Object, merge};
use serde_json::Value;

/// Annotation that keeps the last applied manifest; the name is kubectl's, so that both can be
/// used on the same object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Attempts before `apply` gives up because others keep changing the object.
const MAX_ATTEMPTS: u32 = 16;

impl Objects {
    /// Creates the object, or merges it into the existing one: fields of the last applied manifest
    /// that the new one no longer has are removed, fields that no manifest ever had stay. Status is
    /// ignored. Writes nothing if nothing differs.
    ///
    /// # Errors
    /// As for [`Objects::create`] and [`Objects::update`].
    pub async fn apply(&self, object: Object) -> Result<Applied, Error> {
        let info = self.registry().resolve(&object.api_version, &object.kind)?.clone();
        let manifest = manifest(&info, object)?;
        for _ in 0..MAX_ATTEMPTS {
            match self.apply_once(&info, &manifest).await {
                Err(
                    Error::Conflict { .. } | Error::AlreadyExists { .. } | Error::NotFound { .. },
                ) => {}
                result => return result,
            }
        }
        Err(Error::Contended {
            kind: manifest.group_kind(),
            key: manifest.key(),
            reason: "the object",
            attempts: MAX_ATTEMPTS,
        })
    }

    async fn apply_once(&self, info: &KindInfo, manifest: &Object) -> Result<Applied, Error> {
        let Some(live) = self.find(info, &manifest.key()).await? else {
            let object = self.create(manifest.clone()).await?;
            return Ok(Applied { object, action: Action::Created });
        };
        let merged = merged(info, manifest, &live)?;
        let object = self.update(merged).await?;
        let same = object.metadata.resource_version == live.metadata.resource_version;
        let action = if same { Action::Unchanged } else { Action::Configured };
        Ok(Applied { object, action })
    }
}

/// The manifest as it is applied: without what the system decides, with itself as an annotation.
fn manifest(info: &KindInfo, mut object: Object) -> Result<Object, Error> {
    if object.metadata.name.is_empty() {
        let message = "must be set: apply needs a name, generateName works only with create";
        return Err(Error::invalid(&object, vec![FieldError::required("metadata.name", message)]));
    }
    (info.check)(&object).map_err(|fault| Error::invalid(&object, vec![fault]))?;
    if info.status {
        object.body.remove("status");
    }
    let metadata = &mut object.metadata;
    metadata.uid = None;
    metadata.resource_version = None;
    metadata.generation = None;
    metadata.creation_timestamp = None;
    metadata.managed_fields.clear();
    metadata.annotations.remove(LAST_APPLIED);
    let text = serde_json::to_string(&object).map_err(|error| Error::Malformed {
        what: format!("{} {}", object.group_kind(), object.key()),
        message: error.to_string(),
    })?;
    object.metadata.annotations.insert(LAST_APPLIED.to_owned(), text);
    Ok(object)
}

/// The live object with the manifest merged into it.
fn merged(info: &KindInfo, manifest: &Object, live: &Object) -> Result<Object, Error> {
    let json = |object: &Object| serde_json::to_value(object);
    let malformed = |message: String| Error::Malformed {
        what: format!("{} {}", live.group_kind(), live.key()),
        message,
    };
    // An annotation that somebody broke counts as none: nothing is removed then.
    let last = live
        .metadata
        .annotations
        .get(LAST_APPLIED)
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .unwrap_or(Value::Null);
    let new = json(manifest).map_err(|error| malformed(error.to_string()))?;
    let current = json(live).map_err(|error| malformed(error.to_string()))?;
    let value = merge::three_way(&last, &new, &current, info.merge_keys);
    Object::from_value(value).map_err(|error| malformed(error.to_string()))
}
