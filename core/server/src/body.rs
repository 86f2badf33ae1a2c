//! Bodies of requests: bytes with a bound, then one value.

use crate::failure::Failure;
use crate::protobuf::{self, ProtobufError};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use quorate_types::limits::MAX_MANIFEST_BYTES;
use serde_json::Value;
use std::error::Error;

const OBJECT_TYPES: &str =
    "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// Reads a whole body.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match Limited::new(body, MAX_MANIFEST_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Failure::BodyTooLarge { limit: MAX_MANIFEST_BYTES })
        }
        Err(error) => Err(Failure::bad(format!("the body cannot be read: {error}"))),
    }
}

/// The value of a body in one of the forms of objects.
pub(crate) fn object(media_type: &str, bytes: &[u8]) -> Result<Value, Failure> {
    match media_type {
        "application/json" => json(bytes),
        "application/yaml" | "application/x-yaml" | "text/yaml" => yaml(bytes),
        protobuf::MEDIA_TYPE => protobuf::object(bytes).map_err(|error| match error {
            ProtobufError::Unknown { .. } => Failure::MediaType { accepted: OBJECT_TYPES },
            other => Failure::bad(format!("the body is no protobuf: {other}")),
        }),
        _ => Err(Failure::MediaType { accepted: OBJECT_TYPES }),
    }
}

/// JSON.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::bad(format!("the body is no JSON: {error}")))
}

/// YAML, of which JSON is a part.
pub(crate) fn yaml(bytes: &[u8]) -> Result<Value, Failure> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Failure::bad(format!("the body is no UTF-8: {error}")))?;
    quorate_resources::manifest::value(text)
        .map_err(|error| Failure::bad(format!("the body is no YAML: {error}")))
}
