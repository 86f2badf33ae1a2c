//! From a message to JSON, by the table.
//!
//! Go writes fields that JSON would leave out: empty texts are dropped everywhere, zeros and false only
//! in fields where they say nothing, because elsewhere they are an answer (`replicas: 0`).

use super::ProtobufError;
use super::table::{self, Field, Kind, Message, Shape};
use super::wire::{Content, Fields};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quorate_resources::timestamp;
use serde_json::{Map, Value, json};

/// Deepest nesting of messages.
const MAX_DEPTH: usize = 64;

/// Fields whose zero means that nothing was said.
const ZERO_IS_NOTHING: &[&str] = &[
    "availableReplicas",
    "count",
    "failureThreshold",
    "fullyLabeledReplicas",
    "generation",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPort",
    "initialDelaySeconds",
    "minReadySeconds",
    "nodePort",
    "observedGeneration",
    "paused",
    "periodSeconds",
    "publishNotReadyAddresses",
    "readOnly",
    "readyReplicas",
    "stdin",
    "stdinOnce",
    "successThreshold",
    "timeoutSeconds",
    "tty",
    "unavailableReplicas",
    "unschedulable",
    "updatedReplicas",
];

/// The fields of a message.
pub(super) fn message(
    message: &Message,
    bytes: &[u8],
) -> Result<Map<String, Value>, ProtobufError> {
    let mut fields = Map::new();
    read(message, bytes, &mut fields, 0)?;
    Ok(fields)
}

fn read(
    message: &Message,
    bytes: &[u8],
    into: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    if depth > MAX_DEPTH {
        return Err(ProtobufError::Depth);
    }
    let mut wire = Fields::new(message.name, bytes);
    while let Some((number, content)) = wire.next()? {
        let Some(field) = message.fields.get(&number) else { continue };
        let fault = || ProtobufError::Field {
            message: message.name.to_owned(),
            field: field.name.to_owned(),
        };
        match (field.shape, content) {
            (Shape::One, Content::Bytes(bytes)) if field.name == "+" => {
                inline(field, bytes, into, depth)?;
            }
            (Shape::One, content) => {
                let value = value(field.kind, content, depth)?.ok_or_else(fault)?;
                if !says_nothing(field.name, &value) {
                    into.insert(field.name.to_owned(), value);
                }
            }
            (Shape::List, content) => {
                let value = value(field.kind, content, depth)?.ok_or_else(fault)?;
                let list = into.entry(field.name).or_insert_with(|| json!([]));
                list.as_array_mut().ok_or_else(fault)?.push(value);
            }
            (Shape::Map, Content::Bytes(bytes)) => {
                let (key, value) = entry(message, field, bytes, depth)?;
                into.entry(field.name).or_insert_with(|| json!({}))[key] = value;
            }
            (Shape::Map, _) => return Err(fault()),
        }
    }
    Ok(())
}

fn inline(
    field: &Field,
    bytes: &[u8],
    into: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    match field.kind {
        Kind::Message(name) => match table::message(name) {
            Some(message) => read(message, bytes, into, depth + 1),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn entry(
    message: &Message,
    field: &Field,
    bytes: &[u8],
    depth: usize,
) -> Result<(String, Value), ProtobufError> {
    let (mut key, mut found) = (String::new(), None);
    let mut wire = Fields::new(message.name, bytes);
    while let Some((number, content)) = wire.next()? {
        match (number, content) {
            (1, Content::Bytes(bytes)) => key = text(bytes).unwrap_or_default().to_owned(),
            (2, content) => found = value(field.kind, content, depth)?,
            _ => {}
        }
    }
    let empty = || match field.kind {
        Kind::Text | Kind::Bytes | Kind::Quantity => json!(""),
        _ => Value::Null,
    };
    Ok((key, found.unwrap_or_else(empty)))
}

/// The value of a field; `None` if it is of another type.
fn value(kind: Kind, content: Content<'_>, depth: usize) -> Result<Option<Value>, ProtobufError> {
    Ok(match (kind, content) {
        (Kind::Bool, Content::Varint(number)) => Some(json!(number != 0)),
        (Kind::Integer, Content::Varint(number)) => Some(json!(number.cast_signed())),
        (Kind::Double, Content::Fixed64(bits)) => Some(json!(f64::from_bits(bits))),
        (Kind::Text, Content::Bytes(bytes)) => text(bytes).map(|text| json!(text)),
        (Kind::Bytes, Content::Bytes(bytes)) => Some(json!(STANDARD.encode(bytes))),
        (Kind::Time, Content::Bytes(bytes)) => Some(time(bytes, false)?),
        (Kind::MicroTime, Content::Bytes(bytes)) => Some(time(bytes, true)?),
        (Kind::Quantity, Content::Bytes(bytes)) => first(bytes)?.and_then(text).map(|it| json!(it)),
        (Kind::IntOrString, Content::Bytes(bytes)) => Some(int_or_string(bytes)?),
        (Kind::Json, Content::Bytes(bytes)) => {
            first(bytes)?.and_then(|bytes| serde_json::from_slice(bytes).ok())
        }
        (Kind::Texts, Content::Bytes(bytes)) => Some(texts(bytes)?),
        (Kind::Message(name), Content::Bytes(bytes)) => {
            let mut fields = Map::new();
            if let Some(message) = table::message(name) {
                read(message, bytes, &mut fields, depth + 1)?;
            }
            Some(Value::Object(fields))
        }
        _ => None,
    })
}

fn says_nothing(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Bool(false) => ZERO_IS_NOTHING.contains(&name),
        Value::Number(number) => number.as_i64() == Some(0) && ZERO_IS_NOTHING.contains(&name),
        _ => false,
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The bytes of the first field: messages around one text.
fn first(bytes: &[u8]) -> Result<Option<&[u8]>, ProtobufError> {
    let mut wire = Fields::new("wrapper", bytes);
    let mut found = None;
    while let Some((number, content)) = wire.next()? {
        if let (1, Content::Bytes(bytes)) = (number, content) {
            found = Some(bytes);
        }
    }
    Ok(found)
}

fn texts(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let mut wire = Fields::new("wrapper", bytes);
    let mut found = Vec::new();
    while let Some((_, content)) = wire.next()? {
        if let Content::Bytes(bytes) = content {
            found.push(json!(text(bytes)));
        }
    }
    Ok(Value::Array(found))
}

/// Go's zero time says nothing.
fn time(bytes: &[u8], fraction: bool) -> Result<Value, ProtobufError> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut wire = Fields::new("Time", bytes);
    while let Some((number, content)) = wire.next()? {
        match (number, content) {
            (1, Content::Varint(number)) => seconds = number.cast_signed(),
            (2, Content::Varint(number)) => nanos = number,
            _ => {}
        }
    }
    if seconds == 0 && nanos == 0 {
        return Ok(Value::Null);
    }
    let whole = timestamp::from_unix(seconds.clamp(-62_135_596_800, 253_402_300_799));
    if !fraction {
        return Ok(json!(whole));
    }
    Ok(json!(format!("{}.{:06}Z", whole.trim_end_matches('Z'), nanos / 1000 % 1_000_000)))
}

fn int_or_string(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let (mut is_text, mut number, mut found) = (false, 0, "");
    let mut wire = Fields::new("IntOrString", bytes);
    while let Some((field, content)) = wire.next()? {
        match (field, content) {
            (1, Content::Varint(kind)) => is_text = kind == 1,
            (2, Content::Varint(value)) => number = value.cast_signed(),
            (3, Content::Bytes(bytes)) => found = text(bytes).unwrap_or_default(),
            _ => {}
        }
    }
    Ok(if is_text { json!(found) } else { json!(number) })
}
