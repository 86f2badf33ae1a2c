//! From text to objects.

use super::split::{Chunk, split};
use super::{Fault, ManifestError};
use crate::{FieldError, Object};
use quorate_types::limits::MAX_MANIFEST_BYTES;
use serde_json::Value;

/// Most nodes of one document, aliases expanded.
const MAX_NODES: usize = 200_000;
/// Deepest nesting of one document.
const MAX_DEPTH: usize = 64;
/// Most aliases in one document.
const MAX_ALIASES: usize = 1000;

/// One object of a manifest and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Number of the document in the file, counted from 1.
    pub index: usize,
    /// Line at which the document starts, counted from 1.
    pub line: usize,
    /// Position in the `List`, if the document is one.
    pub item: Option<usize>,
    /// The object.
    pub object: Object,
}

/// Reads all documents of a file; each is read or refused by itself.
#[must_use]
pub fn parse(file: &str, text: &str) -> Vec<Result<Document, ManifestError>> {
    if text.len() > MAX_MANIFEST_BYTES {
        let fault = Fault::TooLarge { bytes: text.len(), limit: MAX_MANIFEST_BYTES };
        return vec![Err(refuse(file, 0, 0, fault))];
    }
    let numbered = split(text).into_iter().enumerate();
    numbered.flat_map(|(index, chunk)| document(file, index + 1, chunk)).collect()
}

/// Reads one YAML or JSON document of any form, within the same bounds.
///
/// # Errors
/// The reason in words.
pub fn value(text: &str) -> Result<Value, String> {
    yaml(Chunk { line: 1, text }).map_err(|(line, message)| format!("line {line}: {message}"))
}

fn refuse(file: &str, document: usize, line: usize, fault: Fault) -> ManifestError {
    let (file, fault) = (file.to_owned(), Box::new(fault));
    ManifestError { file, document, line, fault, applied: Vec::new() }
}

fn document(file: &str, index: usize, chunk: Chunk<'_>) -> Vec<Result<Document, ManifestError>> {
    let value = match yaml(chunk) {
        Ok(Value::Null) => return Vec::new(),
        Ok(value) => value,
        Err((line, message)) => return vec![Err(refuse(file, index, line, Fault::Yaml(message)))],
    };
    let line = chunk.line;
    expand(value)
        .into_iter()
        .map(|(item, value)| match value.and_then(Object::from_value) {
            Ok(object) => Ok(Document { index, line, item, object }),
            Err(error) => Err(refuse(file, index, line, Fault::Shape { item, error })),
        })
        .collect()
}

/// The document itself, or the items of a `List`.
fn expand(value: Value) -> Vec<(Option<usize>, Result<Value, FieldError>)> {
    let is_list = value.get("kind").and_then(Value::as_str) == Some("List")
        && value.get("apiVersion").and_then(Value::as_str) == Some("v1");
    if !is_list {
        return vec![(None, Ok(value))];
    }
    match value.get("items") {
        Some(Value::Array(items)) => {
            items.iter().enumerate().map(|(at, item)| (Some(at), Ok(item.clone()))).collect()
        }
        None | Some(Value::Null) => Vec::new(),
        Some(_) => vec![(None, Err(FieldError::invalid("items", "must be a list of objects")))],
    }
}

/// Parses one document; an error comes with its line in the file.
fn yaml(chunk: Chunk<'_>) -> Result<Value, (usize, String)> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_depth: MAX_DEPTH,
            max_aliases: MAX_ALIASES,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(chunk.text, options).map_err(|error| {
        let within = error.location().and_then(|at| usize::try_from(at.line()).ok());
        let line = chunk.line + within.filter(|line| *line > 0).map_or(0, |line| line - 1);
        (line, reason(&error))
    })
}

/// The parser's message without its position, which counts from the start of the document.
fn reason(error: &serde_saphyr::Error) -> String {
    let message = error.to_string();
    let Some(location) = error.location() else { return message };
    let position = format!("at line {}, column {}", location.line(), location.column());
    let column = format!("at column {}", location.column());
    message.replace(&position, &column)
}
