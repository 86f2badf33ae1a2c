//! Small texts that columns are made of.

use quorate_resources::{Object, timestamp};
use serde_json::{Value, json};

/// The text at a place, empty if there is none.
pub(super) fn at<'o>(object: &'o Object, pointer: &str) -> &'o str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Entries of the object or list at a place.
pub(super) fn count(object: &Object, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Object(fields)) => fields.len(),
        Some(Value::Array(items)) => items.len(),
        _ => 0,
    }
}

/// The objects of the list at a place.
pub(super) fn items<'o>(object: &'o Object, pointer: &str) -> impl Iterator<Item = &'o Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The text in a field of a value.
pub(super) fn field<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// How old an object is.
pub(super) fn age(object: &Object, now: i64) -> Value {
    json!(since(object.metadata.creation_timestamp.as_deref().unwrap_or_default(), now))
}

/// How long ago a timestamp was.
pub(super) fn since(text: &str, now: i64) -> String {
    timestamp::parse(text).map_or_else(|| "<unknown>".to_owned(), |then| duration(now - then))
}

/// A duration in seconds as people read it: two units at most, the smaller only while it matters.
pub(super) fn duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |unit: i64, name: &str, part: i64, part_name: &str| {
        let rest = seconds % unit / part;
        let whole = seconds / unit;
        if rest == 0 { format!("{whole}{name}") } else { format!("{whole}{name}{rest}{part_name}") }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => two(MINUTE, "m", 1, "s"),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => two(HOUR, "h", MINUTE, "m"),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => two(DAY, "d", HOUR, "h"),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => two(YEAR, "y", DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

/// `<none>` for nothing.
pub(super) fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

/// A label selector in text form.
pub(super) fn selector(object: &Object, pointer: &str) -> String {
    let pairs = |value: Option<&Value>| -> Vec<String> {
        let fields = value.and_then(Value::as_object).into_iter().flatten();
        fields.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect()
    };
    let selector = object.pointer(pointer);
    let mut parts = pairs(selector.and_then(|it| it.get("matchLabels")));
    let expressions = selector.and_then(|it| it.get("matchExpressions")).and_then(Value::as_array);
    parts.extend(expressions.into_iter().flatten().map(expression));
    or_none(&parts.join(",")).to_owned()
}

fn expression(expression: &Value) -> String {
    let key = field(expression, "key");
    let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
    let values: Vec<&str> = values.filter_map(Value::as_str).collect();
    let values = values.join(",");
    match field(expression, "operator") {
        "In" => format!("{key} in ({values})"),
        "NotIn" => format!("{key} notin ({values})"),
        "Exists" => key.to_owned(),
        _ => format!("!{key}"),
    }
}
