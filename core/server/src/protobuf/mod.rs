//! Objects in Kubernetes' protobuf form, as clients written in Go send the built-in kinds.
//!
//! Messages are data: a table says number, name and type of every field, and one decoder turns any
//! message into the JSON that the rest of the server works with. Nothing is written in this form:
//! every client takes JSON.
//!
//! Invariant: no input makes it panic, recurse without bound or take more memory than a small multiple
//! of the bytes it was given.

mod decode;
mod table;
mod wire;

use serde_json::{Value, json};
use thiserror::Error;

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// How every object begins.
const MAGIC: &[u8] = b"k8s\0";

/// Why bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ProtobufError {
    #[error("the prefix of an object is missing")]
    Prefix,
    #[error("the message {message} ends in the middle of a field")]
    Truncated { message: String },
    #[error("field {field} of {message} has an unknown wire type or is not what it should be")]
    Field { message: String, field: String },
    #[error("messages are nested too deeply")]
    Depth,
    #[error("kind {kind:?} of apiVersion {api_version:?} is not known in protobuf form: send JSON")]
    Unknown { api_version: String, kind: String },
}

/// The object in an envelope, as JSON.
pub(crate) fn object(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let envelope = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Prefix)?;
    let envelope = wire::Envelope::read(envelope)?;
    let (api_version, kind) = (envelope.api_version, envelope.kind);
    let unknown =
        || ProtobufError::Unknown { api_version: api_version.to_owned(), kind: kind.to_owned() };
    let message = table::of_kind(api_version, kind).ok_or_else(unknown)?;
    let mut fields = decode::message(message, envelope.raw)?;
    fields.insert("apiVersion".to_owned(), json!(api_version));
    fields.insert("kind".to_owned(), json!(kind));
    Ok(Value::Object(fields))
}

#[cfg(test)]
mod tests;
