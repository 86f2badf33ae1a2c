//! Patching objects, in the four published forms.

use super::{apply, change, render};
use crate::body;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use quorate_resources::ObjectKey;
use quorate_resources::patch::{json_patch, merge_patch, strategic_patch};
use quorate_resources::schema::Schema;
use serde_json::Value;

const PATCH_TYPES: &str = "application/json-patch+json, application/merge-patch+json, \
    application/strategic-merge-patch+json, application/apply-patch+yaml";

/// A patch, read.
#[derive(Debug)]
pub(super) enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
}

impl Patch {
    pub(super) fn read(call: &Call) -> Result<Self, Failure> {
        let form = match call.media_type.as_str() {
            "application/json-patch+json" => Self::Json,
            "application/merge-patch+json" => Self::Merge,
            "application/strategic-merge-patch+json" => Self::Strategic,
            _ => return Err(Failure::MediaType { accepted: PATCH_TYPES }),
        };
        body::json(&call.body).map(form)
    }

    pub(super) fn apply(
        &self,
        document: &Value,
        schema: Option<Schema<'_>>,
    ) -> Result<Value, Failure> {
        match self {
            Self::Json(patch) => Ok(json_patch(document, patch)?),
            Self::Merge(patch) => {
                if !patch.is_object() {
                    return Err(Failure::bad("a merge patch of an object must be an object"));
                }
                let mut result = document.clone();
                merge_patch(&mut result, patch);
                Ok(result)
            }
            Self::Strategic(patch) => Ok(strategic_patch(document, patch, schema)?),
        }
    }
}

pub(super) async fn patch(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
    part: &str,
) -> Result<Reply, Failure> {
    if call.media_type == "application/apply-patch+yaml" {
        return apply::apply(api, call, target, key, part).await;
    }
    let patch = Patch::read(call)?;
    let schema = api.schemas().of(&target.info.group_kind());
    let known = schema.is_some() && target.info.custom.is_none();
    if matches!(patch, Patch::Strategic(_)) && !known {
        return Err(Failure::MediaType { accepted: PATCH_TYPES });
    }
    let edit = |live: &Value| patch.apply(live, schema);
    let (object, warnings) = change::edit(api, call, target, key, part, edit).await?;
    let answer = render::object(api, call, target.info, &object, 200)?;
    Ok(reply::warn(answer, &warnings))
}
