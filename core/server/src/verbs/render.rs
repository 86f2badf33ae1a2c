//! Objects in the form that the client asked for.

use crate::call::Call;
use crate::failure::Failure;
use crate::media::Form;
use crate::reply::{self, Reply};
use crate::served::Served;
use crate::table::{self, Include, Style};
use quorate_resources::{KindInfo, Object};
use serde::Serialize;
use serde_json::{Value, json};

/// The style of tables that a request wants.
pub(super) fn style(api: &Served, call: &Call, version: &'static str) -> Result<Style, Failure> {
    let now = api.objects(false).seams().clock.wall().as_secs();
    Ok(Style { version, include: Include::parse(&call.query)?, now })
}

/// One object as a value.
pub(super) fn value(
    api: &Served,
    call: &Call,
    info: &KindInfo,
    object: &Object,
    headings: bool,
) -> Result<Value, Failure> {
    Ok(match call.accepted.form {
        Form::Table(version) => {
            let metadata = json!({ "resourceVersion": text(object) });
            let style = style(api, call, version)?;
            table::table(info, std::slice::from_ref(object), &metadata, headings, style)
        }
        Form::Partial(version) => table::partial(object, version),
        Form::Object | Form::Groups(_) => json!(object),
    })
}

fn text(object: &Object) -> String {
    object.metadata.resource_version.map(|version| version.to_string()).unwrap_or_default()
}

/// One object as an answer.
pub(super) fn object(
    api: &Served,
    call: &Call,
    info: &KindInfo,
    object: &Object,
    code: u16,
) -> Result<Reply, Failure> {
    if call.accepted.form == Form::Object {
        return reply::direct(code, object, call.accepted.encoding);
    }
    let value = value(api, call, info, object, true)?;
    Ok(reply::value(code, &value, call.accepted.encoding))
}

/// Many objects, as they are written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'o> {
    kind: String,
    api_version: String,
    metadata: &'o Value,
    items: &'o [Object],
}

/// Many objects as an answer.
pub(super) fn list(
    api: &Served,
    call: &Call,
    info: &KindInfo,
    objects: &[Object],
    metadata: &Value,
) -> Result<Reply, Failure> {
    let value = match call.accepted.form {
        Form::Table(version) => {
            table::table(info, objects, metadata, true, style(api, call, version)?)
        }
        Form::Partial(version) => {
            let items: Vec<Value> =
                objects.iter().map(|object| table::partial(object, version)).collect();
            json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": format!("meta.k8s.io/{version}"),
                "metadata": metadata, "items": items,
            })
        }
        Form::Object | Form::Groups(_) => {
            let (kind, api_version) = (format!("{}List", info.kind), info.api_version());
            let list = List { kind, api_version, metadata, items: objects };
            return reply::direct(200, &list, call.accepted.encoding);
        }
    };
    Ok(reply::value(200, &value, call.accepted.encoding))
}
