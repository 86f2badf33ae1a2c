//! From what a client sent to an object of the kind that the path names.

use crate::call::{Call, Validation};
use crate::failure::Failure;
use crate::route::Target;
use crate::served::Served;
use quorate_resources::schema::prune;
use quorate_resources::{KindInfo, Object};
use serde_json::{Value, json};

/// An object and what its sender should be told.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) object: Object,
    pub(super) warnings: Vec<String>,
}

/// Checks kind, unknown fields and namespace.
pub(super) fn object(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    mut value: Value,
) -> Result<Incoming, Failure> {
    let info = target.info;
    identify(info, &mut value)?;
    let warnings = known_fields(api, call, info, &mut value)?;
    let mut object =
        Object::from_value(value).map_err(|fault| undecodable(info, &fault.to_string()))?;
    if let Some(namespace) = &target.namespace {
        let given = object.metadata.namespace.get_or_insert_with(|| namespace.clone());
        if given != namespace {
            let message = format!(
                "the namespace of the provided object does not match the namespace sent on the \
                 request: {given:?} and {namespace:?}"
            );
            return Err(Failure::BadRequest(message));
        }
    }
    if !info.namespaced {
        object.metadata.namespace = None;
    }
    Ok(Incoming { object, warnings })
}

/// Fills in version and kind, or refuses others than those of the path.
fn identify(info: &KindInfo, value: &mut Value) -> Result<(), Failure> {
    let Value::Object(fields) = value else {
        return Err(Failure::bad("the body must be an object"));
    };
    for (name, wanted) in [("apiVersion", info.api_version()), ("kind", info.kind.clone())] {
        let given = fields.entry(name).or_insert_with(|| json!(wanted));
        if given.as_str().is_some_and(str::is_empty) {
            *given = json!(wanted);
        }
        if *given != json!(wanted) {
            let message = format!(
                "the object provided is of {name} {given}, the resource of the request takes {wanted:?}"
            );
            return Err(Failure::BadRequest(message));
        }
    }
    Ok(())
}

/// Drops fields that the kind does not have, with the consequence that the client asked for.
fn known_fields(
    api: &Served,
    call: &Call,
    info: &KindInfo,
    value: &mut Value,
) -> Result<Vec<String>, Failure> {
    let Some(schema) = api.schemas().of(&info.group_kind()) else { return Ok(Vec::new()) };
    let unknown = prune(schema, value);
    let texts = unknown.iter().map(|path| format!("unknown field {path:?}"));
    match call.validation()? {
        Validation::Ignore => Ok(Vec::new()),
        Validation::Warn => Ok(texts.collect()),
        Validation::Strict if unknown.is_empty() => Ok(Vec::new()),
        Validation::Strict => {
            let texts: Vec<String> = texts.collect();
            Err(undecodable(info, &format!("strict decoding error: {}", texts.join(", "))))
        }
    }
}

fn undecodable(info: &KindInfo, reason: &str) -> Failure {
    let kind = &info.kind;
    Failure::bad(format!(
        "{kind} in version {:?} cannot be handled as a {kind}: {reason}",
        info.version
    ))
}
