//! Objects as bytes in the store.
//!
//! The value is compact JSON of the whole object without its `resourceVersion`: that is the
//! key's modification revision and is put back at decoding.

use crate::{Error, Object};
use bytes::Bytes;
use quorate_store::KeyValue;
use quorate_types::limits::MAX_OBJECT_BYTES;

/// Prefix of every object's key.
pub(crate) const ROOT: &str = "/registry/";

/// Reads a stored object; its resource version is the revision of its last change.
///
/// # Errors
/// [`Error::Malformed`] if the bytes are no object.
pub fn decode_stored(kv: &KeyValue) -> Result<Object, Error> {
    let mut object: Object =
        serde_json::from_slice(&kv.value).map_err(|error| Error::Malformed {
            what: format!("stored key {:?}", String::from_utf8_lossy(&kv.key)),
            message: error.to_string(),
        })?;
    object.metadata.resource_version = Some(kv.mod_revision);
    Ok(object)
}

/// The stored form of an object.
pub(crate) fn encode(object: &mut Object) -> Result<Bytes, Error> {
    let version = object.metadata.resource_version.take();
    let encoded = serde_json::to_vec(object);
    object.metadata.resource_version = version;
    let bytes = encoded.map_err(|error| Error::Malformed {
        what: format!("{} {}", object.group_kind(), object.key()),
        message: error.to_string(),
    })?;
    if bytes.len() > MAX_OBJECT_BYTES {
        return Err(Error::TooLarge {
            kind: object.group_kind(),
            key: object.key(),
            bytes: bytes.len(),
            limit: MAX_OBJECT_BYTES,
        });
    }
    Ok(bytes.into())
}
