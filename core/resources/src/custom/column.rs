//! Columns that a definition names, with simple JSON paths.
//!
//! Paths are names, indexes and filters by one equal field: `.status.conditions[?(@.type=="Ready")].status`.

use crate::{Object, timestamp};
use serde_json::{Value, json};

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathColumn {
    /// Heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// A hint at the form of the values.
    pub format: String,
    /// What the column tells.
    pub description: String,
    /// Zero for columns that are always shown, more for wide listings.
    pub priority: i64,
    /// Where the value is.
    pub path: String,
}

impl PathColumn {
    /// The cell of an object at a time in seconds since the Unix epoch.
    #[must_use]
    pub fn cell(&self, object: &Object, now: i64) -> Value {
        let Ok(whole) = serde_json::to_value(object) else { return Value::Null };
        match find(&whole, &self.path) {
            Some(Value::String(text)) if self.kind == "date" => {
                timestamp::parse(text).map_or_else(|| json!(text), |at| json!(age(now - at)))
            }
            Some(value @ (Value::Object(_) | Value::Array(_))) => json!(value.to_string()),
            Some(value) => value.clone(),
            None => Value::Null,
        }
    }
}

/// Seconds in the largest unit of which there are two.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds if seconds < 120 => format!("{seconds}s"),
        seconds if seconds < 7200 => format!("{}m", seconds / 60),
        seconds if seconds < 172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// The value at a path.
fn find<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let mut at = value;
    let mut rest = path.trim();
    while !rest.is_empty() {
        (at, rest) = match rest.strip_prefix('[') {
            Some(inner) => {
                let (step, rest) = inner.split_once(']')?;
                (item(at, step)?, rest)
            }
            None => {
                let name = rest.strip_prefix('.').unwrap_or(rest);
                let end = end_of_name(name);
                let key = name[..end].replace("\\.", ".");
                (at.get(key)?, &name[end..])
            }
        };
    }
    Some(at)
}

/// Where a name ends: at a dot that is not escaped, or at a bracket.
fn end_of_name(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !escaped && (c == '.' || c == '[') {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn item<'v>(value: &'v Value, step: &str) -> Option<&'v Value> {
    if let Ok(index) = step.parse::<usize>() {
        return value.get(index);
    }
    let quoted = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    if let Some(filter) = step.strip_prefix("?(@.").and_then(|it| it.strip_suffix(')')) {
        let (name, wanted) = filter.split_once("==")?;
        let wanted = quoted(wanted);
        let items = value.as_array()?;
        return items
            .iter()
            .find(|item| item.get(name.trim()).and_then(Value::as_str) == Some(&wanted));
    }
    value.get(quoted(step))
}
