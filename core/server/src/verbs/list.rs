//! Reading objects: one, or pages of many at one revision.

use super::render;
use super::token::Token;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::route::Target;
use crate::select::Selection;
use crate::served::Served;
use bytes::Bytes;
use quorate_resources::{Error, Object, ObjectKey, PageRequest, Revision};
use quorate_store::{Consistency, RangeRequest};
use serde_json::{Value, json};

/// Objects read at once while looking for those that are selected.
const CHUNK: usize = 500;

/// Reads one object.
pub(super) async fn get(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
) -> Result<Reply, Failure> {
    if let Some(at_least) = version(call)?.filter(|version| version.0 > 0) {
        not_ahead(api, at_least).await?;
    }
    let object = api.objects(false).get(&target.info.group_kind(), key).await?;
    render::object(api, call, target.info, &object, 200)
}

/// The `resourceVersion` parameter.
pub(super) fn version(call: &Call) -> Result<Option<Revision>, Failure> {
    match call.query.number("resourceVersion")? {
        Some(number) if number < 0 => {
            let text = number.to_string();
            Err(Failure::parameter("resourceVersion", &text, "must not be negative"))
        }
        number => Ok(number.map(Revision)),
    }
}

/// Refuses a revision that does not exist yet.
pub(super) async fn not_ahead(api: &Served, wanted: Revision) -> Result<(), Failure> {
    let store = api.objects(false).store();
    if store.status().revision >= wanted {
        return Ok(());
    }
    let mut probe = RangeRequest::key("/");
    probe.count_only = true;
    let current = store.range(probe).await.map_err(Error::Store)?.revision;
    if current >= wanted {
        return Ok(());
    }
    Err(Failure::Future { requested: wanted.0, current: current.0 })
}

/// Where and when a list reads.
struct Place {
    token: Option<Token>,
    revision: Revision,
    consistency: Consistency,
}

async fn place(api: &Served, call: &Call, prefix: &str) -> Result<Place, Failure> {
    let rule = call.query.text("resourceVersionMatch");
    let version = version(call)?;
    if let Some(text) = call.query.text("continue") {
        let token = Token::parse(text, prefix)?;
        if version.is_some_and(|version| version.0 > 0) {
            return Err(Failure::bad("resourceVersion and continue must not be given together"));
        }
        let revision = token.revision();
        return Ok(Place { token: Some(token), revision, consistency: Consistency::Linearizable });
    }
    let now =
        Place { token: None, revision: Revision::NONE, consistency: Consistency::Linearizable };
    match (version, rule) {
        (None, Some(rule)) => {
            let reason = "is not allowed without a resourceVersion";
            Err(Failure::parameter("resourceVersionMatch", rule, reason))
        }
        (None, None) => Ok(now),
        (Some(Revision(0)), Some("Exact")) => {
            let reason = "must not be Exact for resourceVersion 0";
            Err(Failure::parameter("resourceVersionMatch", "Exact", reason))
        }
        (Some(Revision(0)), _) => Ok(Place { consistency: Consistency::Serializable, ..now }),
        (Some(version), Some("Exact")) => {
            not_ahead(api, version).await?;
            Ok(Place { revision: version, ..now })
        }
        (Some(version), None | Some("NotOlderThan")) => {
            not_ahead(api, version).await?;
            Ok(now)
        }
        (Some(_), Some(text)) => {
            Err(Failure::parameter("resourceVersionMatch", text, "must be Exact or NotOlderThan"))
        }
    }
}

/// Lists objects.
pub(super) async fn list(api: &Served, call: &Call, target: &Target<'_>) -> Result<Reply, Failure> {
    let selection = Selection::parse(&call.query, target.info)?;
    let limit = call.query.number("limit")?.unwrap_or(0);
    let limit = usize::try_from(limit)
        .map_err(|_| Failure::parameter("limit", &limit.to_string(), "must not be negative"))?;
    let place = place(api, call, &prefix(target)).await?;
    let read = page(api, target, &selection, &place, limit).await;
    let page = read.map_err(|failure| expired(failure, place.token.as_ref()))?;
    let mut metadata = json!({ "resourceVersion": page.revision.to_string() });
    if let Some(next) = &page.next {
        metadata["continue"] = json!(Token::new(page.revision, next).to_text());
        if selection.is_everything() {
            metadata["remainingItemCount"] = json!(page.remaining);
        }
    }
    render::list(api, call, target.info, &page.items, &metadata)
}

fn prefix(target: &Target<'_>) -> String {
    let all = target.info.storage_prefix();
    match &target.namespace {
        Some(namespace) => format!("{all}{namespace}/"),
        None => all,
    }
}

/// History that is gone: the rest of the list can be had only as it is now.
fn expired(failure: Failure, token: Option<&Token>) -> Failure {
    let Failure::Objects(Error::Store(quorate_store::Error::Compacted { .. })) = failure else {
        return failure;
    };
    match token {
        Some(token) => Failure::Expired {
            message: "The provided continue parameter is too old to display a consistent list \
                      result. Start a new list, or go on with the token in this answer: the rest \
                      is then as it is now and may not fit what was read before."
                .to_owned(),
            fresh: Some(token.fresh().to_text()),
        },
        None => Failure::Expired {
            message: "The resourceVersion for the provided list is too old.".to_owned(),
            fresh: None,
        },
    }
}

struct Page {
    revision: Revision,
    items: Vec<Object>,
    next: Option<Bytes>,
    remaining: u64,
}

async fn page(
    api: &Served,
    target: &Target<'_>,
    selection: &Selection,
    place: &Place,
    limit: usize,
) -> Result<Page, Failure> {
    let mut request = PageRequest::new(target.info.group_kind(), target.namespace.as_deref());
    request.revision = place.revision;
    request.consistency = place.consistency;
    request.after = place.token.as_ref().map(Token::start);
    let whole = selection.is_everything();
    request.limit = if whole { limit } else { limit.min(1) * CHUNK.max(limit) };
    let mut items: Vec<Object> = Vec::new();
    loop {
        let read = api.objects(false).page(request.clone()).await?;
        request.revision = read.revision;
        for object in read.items.into_iter().filter(|object| selection.matches(object)) {
            if limit > 0 && items.len() == limit {
                let next = items.last().map(|last| after(target, last));
                return Ok(Page { revision: read.revision, items, next, remaining: 0 });
            }
            items.push(object);
        }
        let full = limit > 0 && items.len() == limit;
        if read.next.is_none() || full {
            let (next, remaining) = (read.next, read.remaining);
            return Ok(Page { revision: read.revision, items, next, remaining });
        }
        request.after = read.next;
    }
}

/// The key after an object's.
fn after(target: &Target<'_>, object: &Object) -> Bytes {
    let mut key = target.info.storage_key(&object.key()).into_bytes();
    key.push(0);
    key.into()
}

/// All objects that a selection chooses, and the revision of the read.
pub(super) async fn all(
    api: &Served,
    target: &Target<'_>,
    selection: &Selection,
) -> Result<(Revision, Vec<Object>), Failure> {
    let place =
        Place { token: None, revision: Revision::NONE, consistency: Consistency::Linearizable };
    let page = page(api, target, selection, &place, 0).await?;
    Ok((page.revision, page.items))
}

/// The metadata of an answer that is nothing but a position.
pub(super) fn position(revision: Revision) -> Value {
    json!({ "resourceVersion": revision.to_string() })
}
