//! JSON patch, RFC 6902: operations in order, all or none.

use super::PatchError;
use serde_json::Value;

/// Most operations of one patch (Kubernetes' bound).
const MAX_OPERATIONS: usize = 10_000;

/// The document after all operations.
///
/// # Errors
/// The patch is no list of operations, or one of them does not fit the document.
pub fn json_patch(document: &Value, patch: &Value) -> Result<Value, PatchError> {
    let operations = patch
        .as_array()
        .ok_or_else(|| PatchError::malformed("a JSON patch must be a list of operations"))?;
    if operations.len() > MAX_OPERATIONS {
        let message = format!("a JSON patch may have at most {MAX_OPERATIONS} operations");
        return Err(PatchError::malformed(message));
    }
    let mut result = document.clone();
    for operation in operations {
        run(&mut result, operation)?;
    }
    Ok(result)
}

fn run(document: &mut Value, operation: &Value) -> Result<(), PatchError> {
    let path = pointer(operation, "path")?;
    match operation.get("op").and_then(Value::as_str) {
        Some("add") => add(document, &path, content(operation)?),
        Some("remove") => remove(document, &path).map(drop),
        Some("replace") => {
            *find(document, &path)? = content(operation)?;
            Ok(())
        }
        Some("move") => {
            let from = pointer(operation, "from")?;
            if path.len() > from.len() && path.starts_with(&from) {
                return Err(PatchError::malformed("a value cannot be moved into itself"));
            }
            let value = remove(document, &from)?;
            add(document, &path, value)
        }
        Some("copy") => {
            let value = find(document, &pointer(operation, "from")?)?.clone();
            add(document, &path, value)
        }
        Some("test") => test(document, &path, operation),
        other => {
            let message = format!("unknown JSON patch operation {other:?}: {operation}");
            Err(PatchError::malformed(message))
        }
    }
}

fn test(document: &mut Value, path: &[String], operation: &Value) -> Result<(), PatchError> {
    let expected = content(operation)?;
    let same = match find(document, path) {
        Ok(found) => *found == expected,
        Err(_) => expected.is_null(),
    };
    if same {
        return Ok(());
    }
    Err(PatchError::inapplicable(format!("testing value /{} failed: test failed", path.join("/"))))
}

fn content(operation: &Value) -> Result<Value, PatchError> {
    let missing = || PatchError::malformed(format!("the operation has no value: {operation}"));
    operation.get("value").cloned().ok_or_else(missing)
}

fn pointer(operation: &Value, field: &str) -> Result<Vec<String>, PatchError> {
    let text = operation.get(field).and_then(Value::as_str);
    let text = text.ok_or_else(|| {
        PatchError::malformed(format!("the operation has no {field}: {operation}"))
    })?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let rest = text.strip_prefix('/').ok_or_else(|| {
        PatchError::malformed(format!("{field} {text:?} is no JSON pointer: it starts with '/'"))
    })?;
    Ok(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

fn missing(path: &[String]) -> PatchError {
    PatchError::inapplicable(format!("the path /{} does not exist: missing value", path.join("/")))
}

fn find<'d>(document: &'d mut Value, path: &[String]) -> Result<&'d mut Value, PatchError> {
    let mut at = document;
    for token in path {
        at = match at {
            Value::Object(fields) => fields.get_mut(token),
            Value::Array(items) => index(token).and_then(|index| items.get_mut(index)),
            _ => None,
        }
        .ok_or_else(|| missing(path))?;
    }
    Ok(at)
}

/// RFC 6901 allows no leading zeros.
fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|byte| byte.is_ascii_digit());
    let leading = token.len() > 1 && token.starts_with('0');
    (plain && !leading).then(|| token.parse().ok()).flatten()
}

fn add(document: &mut Value, path: &[String], value: Value) -> Result<(), PatchError> {
    let Some((last, parents)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    match find(document, parents)? {
        Value::Object(fields) => {
            fields.insert(last.clone(), value);
        }
        Value::Array(items) => {
            let at = if last == "-" { Some(items.len()) } else { index(last) };
            let at = at.filter(|at| *at <= items.len()).ok_or_else(|| missing(path))?;
            items.insert(at, value);
        }
        _ => return Err(missing(path)),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &[String]) -> Result<Value, PatchError> {
    let Some((last, parents)) = path.split_last() else {
        return Ok(std::mem::take(document));
    };
    match find(document, parents)? {
        Value::Object(fields) => fields.remove(last),
        Value::Array(items) => {
            index(last).filter(|at| *at < items.len()).map(|at| items.remove(at))
        }
        _ => None,
    }
    .ok_or_else(|| missing(path))
}
