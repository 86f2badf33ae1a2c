//! Creating objects.

use super::change::{manager, owned};
use super::{incoming, render};
use crate::access::may_write;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use serde_json::Value;

pub(super) async fn create(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
) -> Result<Reply, Failure> {
    let dry_run = call.dry_run()?;
    let mut incoming = incoming::object(api, call, target, call.object()?)?;
    incoming.object.metadata.managed_fields.clear();
    let manager = manager(api, call, target.info, "");
    let entries = owned(api, target.info, Vec::new(), &Value::Null, &incoming.object, &manager);
    incoming.object.metadata.managed_fields = entries;
    may_write(&call.caller, target.info, &incoming.object, None).await?;
    let mut created = api.objects(dry_run).create(incoming.object).await?;
    if dry_run {
        created.metadata.resource_version = None;
    }
    let answer = render::object(api, call, target.info, &created, 201)?;
    Ok(reply::warn(answer, &incoming.warnings))
}
