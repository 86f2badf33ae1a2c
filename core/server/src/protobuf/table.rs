//! The table of messages.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: &'static str,
    /// By number.
    pub(super) fields: BTreeMap<u64, Field>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    /// The name in JSON; `+` for fields that stand in the parent.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) kind: Kind,
}

/// How often a field occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    Map,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Integer,
    Bytes,
    Double,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// JSON within the message.
    Json,
    /// A message that is nothing but a list of texts.
    Texts,
    Message(&'static str),
}

/// Facts, parsed once: the same for everybody.
static MESSAGES: LazyLock<BTreeMap<&'static str, Message>> =
    LazyLock::new(|| parse(include_str!("messages.txt")));

/// A message by name.
pub(super) fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.get(name)
}

/// The message of a kind.
pub(super) fn of_kind(api_version: &str, kind: &str) -> Option<&'static Message> {
    if kind == "DeleteOptions" {
        return message("meta.v1.DeleteOptions");
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    let group = group.split('.').next().unwrap_or(group);
    message(&format!("{group}.{version}.{kind}"))
}

fn parse(text: &'static str) -> BTreeMap<&'static str, Message> {
    let mut messages: Vec<Message> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match (line.strip_prefix("  "), messages.last_mut()) {
            (Some(fields), Some(message)) => {
                message.fields.extend(fields.split(',').filter_map(field));
            }
            _ => messages.push(Message { name: line, fields: BTreeMap::new() }),
        }
    }
    messages.into_iter().map(|message| (message.name, message)).collect()
}

fn field(text: &'static str) -> Option<(u64, Field)> {
    let mut parts = text.split_whitespace();
    let number = parts.next()?.parse().ok()?;
    let (name, kind) = (parts.next()?, parts.next()?);
    let entry = kind.strip_prefix('{').and_then(|kind| kind.strip_suffix('}'));
    let (shape, kind) = match (entry, kind.strip_suffix('*')) {
        (Some(entry), _) => (Shape::Map, entry),
        (None, Some(item)) => (Shape::List, item),
        (None, None) => (Shape::One, kind),
    };
    Some((number, Field { name, shape, kind: kind_of(kind) }))
}

fn kind_of(text: &'static str) -> Kind {
    match text {
        "string" => Kind::Text,
        "bool" => Kind::Bool,
        "int" => Kind::Integer,
        "bytes" => Kind::Bytes,
        "double" => Kind::Double,
        "time" => Kind::Time,
        "microtime" => Kind::MicroTime,
        "quantity" => Kind::Quantity,
        "intorstring" => Kind::IntOrString,
        "json" => Kind::Json,
        "strings" => Kind::Texts,
        name => Kind::Message(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_that_is_referred_to_is_there() {
        assert!(MESSAGES.len() > 200);
        for message in MESSAGES.values() {
            assert!(
                !message.fields.is_empty()
                    || message.name.contains("Options")
                    || message.name.ends_with("Status"),
                "{}",
                message.name
            );
            for field in message.fields.values() {
                if let Kind::Message(name) = field.kind {
                    assert!(MESSAGES.contains_key(name), "{}: {name}", message.name);
                }
            }
        }
    }

    #[test]
    fn every_built_in_kind_has_a_message_with_fields_of_its_schema() {
        let schemas = quorate_kinds::schemas();
        // Definitions of kinds are sent as JSON by everybody.
        let registry = quorate_kinds::registry();
        let sent = registry.kinds().filter(|info| info.group != "apiextensions.k8s.io");
        for info in sent {
            let message = of_kind(&info.api_version(), &info.kind);
            let message = message.unwrap_or_else(|| panic!("{} has no message", info.kind));
            let schema = schemas.of(&info.group_kind()).unwrap();
            for field in message.fields.values() {
                assert!(schema.field(field.name).is_some(), "{}: {}", info.kind, field.name);
            }
        }
    }
}
