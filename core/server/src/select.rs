//! Selectors of a request: by labels and by fields.

use crate::failure::Failure;
use crate::query::Query;
use quorate_resources::{KindInfo, Object, Selector};
use serde_json::Value;

/// Which objects a request is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    labels: Selector,
    fields: Vec<Requirement>,
}

#[derive(Clone, Debug)]
struct Requirement {
    field: String,
    value: String,
    equal: bool,
}

impl Selection {
    pub(crate) fn parse(query: &Query, info: &KindInfo) -> Result<Self, Failure> {
        let text = query.text("labelSelector").unwrap_or_default();
        let labels = Selector::parse(text)
            .map_err(|error| Failure::bad(format!("unable to parse requirement: {error}")))?;
        let fields = fields(query.text("fieldSelector").unwrap_or_default())?;
        for field in fields.iter().map(|requirement| requirement.field.as_str()) {
            let common = matches!(field, "metadata.name" | "metadata.namespace");
            if !common && !info.selectable.contains(&field) {
                let message = format!("field label not supported: {field}");
                return Err(Failure::BadRequest(message));
            }
        }
        Ok(Self { labels, fields })
    }

    pub(crate) fn with_name(mut self, name: &str) -> Self {
        let (field, value) = ("metadata.name".to_owned(), name.to_owned());
        self.fields.push(Requirement { field, value, equal: true });
        self
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        let holds = |it: &Requirement| (field(object, &it.field) == it.value) == it.equal;
        self.labels.matches_map(&object.metadata.labels) && self.fields.iter().all(holds)
    }
}

/// The one object that a request's field selector chooses by name, if it does.
pub(crate) fn one_name(query: &Query) -> Option<String> {
    let requirements = fields(query.text("fieldSelector")?).ok()?;
    let named = requirements.into_iter().find(|it| it.equal && it.field == "metadata.name");
    named.map(|it| it.value).filter(|name| !name.is_empty())
}

/// The text of a field; what is absent is empty, or false where it would be a boolean.
fn field(object: &Object, path: &str) -> String {
    match path {
        "metadata.name" => return object.metadata.name.clone(),
        "metadata.namespace" => return object.metadata.namespace.clone().unwrap_or_default(),
        _ => {}
    }
    match object.pointer(&format!("/{}", path.replace('.', "/"))) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(source)) => {
            source.get("component").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        None | Some(Value::Null) => match path {
            "spec.unschedulable" | "spec.hostNetwork" => "false".to_owned(),
            _ => String::new(),
        },
        Some(other) => other.to_string(),
    }
}

fn fields(text: &str) -> Result<Vec<Requirement>, Failure> {
    let parts = pieces(text).into_iter().filter(|part| !part.is_empty());
    parts.map(|part| requirement(&part)).collect()
}

fn requirement(part: &str) -> Result<Requirement, Failure> {
    let split = |operator: &str, equal: bool| {
        let (field, value) = part.split_once(operator)?;
        let value = value.replace("\\,", ",").replace("\\=", "=").replace("\\\\", "\\");
        Some(Requirement { field: field.trim().to_owned(), value, equal })
    };
    split("!=", false)
        .or_else(|| split("==", true))
        .or_else(|| split("=", true))
        .ok_or_else(|| Failure::bad(format!("invalid selector: {part:?}; can't understand it")))
}

/// Cuts at commas that are not escaped.
fn pieces(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        if c == ',' && !escaped {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        escaped = c == '\\' && !escaped;
        part.push(c);
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_selectors_read_as_clients_write_them() {
        let parsed =
            fields("metadata.name=a,status.phase!=Running,spec.nodeName==,x=a\\,b").unwrap();
        let read: Vec<_> =
            parsed.iter().map(|it| (it.field.as_str(), it.value.as_str(), it.equal)).collect();
        assert_eq!(
            read,
            [
                ("metadata.name", "a", true),
                ("status.phase", "Running", false),
                ("spec.nodeName", "", true),
                ("x", "a,b", true),
            ]
        );
        assert!(fields("metadata.name").is_err());
        let one = |text: &str| one_name(&Query::parse(&format!("fieldSelector={text}")));
        assert_eq!(one("a=b,metadata.name==x").as_deref(), Some("x"));
        assert_eq!(one("metadata.name!=x"), None);
        assert_eq!(one("metadata.name="), None);
    }
}
