//! The requests on objects, one verb per file.

mod apply;
mod change;
mod create;
mod delete;
mod eviction;
mod incoming;
mod list;
mod patch;
mod pods;
mod render;
mod review;
mod scale;
mod token;
mod token_request;
mod watch;

pub(crate) use review::{REVIEWS, Review, review};

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::route::Target;
use crate::served::Served;
use hyper::Method;
use quorate_resources::ObjectKey;

/// Answers a request on objects.
pub(crate) async fn objects(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
) -> Result<Reply, Failure> {
    let Some(name) = &target.name else { return collection(api, call, target).await };
    let key = ObjectKey { namespace: target.namespace.clone(), name: name.clone() };
    match target.subresource.as_deref() {
        None => object(api, call, target, &key).await,
        Some("status") if target.info.status => part(api, call, target, &key, "status").await,
        Some("finalize") if target.info.kind == "Namespace" && call.method == Method::PUT => {
            change::put(api, call, target, &key, "").await
        }
        Some("scale") if target.info.scale.is_some() => scale::scale(api, call, target, &key).await,
        Some("token") if is_account(target) && call.method == Method::POST => {
            token_request::create(api, call, target, &key).await
        }
        Some("binding") if is_pod(target) && call.method == Method::POST => {
            pods::bind(api, call, target, &key).await
        }
        Some("eviction") if is_pod(target) && call.method == Method::POST => {
            eviction::evict(api, call, target, &key).await
        }
        Some(_) => Err(Failure::NoSuchPath),
    }
}

fn is_pod(target: &Target<'_>) -> bool {
    target.info.group.is_empty() && target.info.kind == "Pod"
}

fn is_account(target: &Target<'_>) -> bool {
    target.info.group.is_empty() && target.info.kind == "ServiceAccount"
}

async fn collection(api: &Served, call: &Call, target: &Target<'_>) -> Result<Reply, Failure> {
    let scoped = target.namespace.is_some() || !target.info.namespaced;
    match call.method {
        Method::GET if call.query.flag("watch")? => watch::watch(api, call, target, None).await,
        Method::GET => list::list(api, call, target).await,
        Method::POST if scoped => create::create(api, call, target).await,
        Method::DELETE if scoped => delete::collection(api, call, target).await,
        _ => Err(Failure::NoSuchVerb),
    }
}

async fn object(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
) -> Result<Reply, Failure> {
    match call.method {
        Method::GET if call.query.flag("watch")? => {
            watch::watch(api, call, target, Some(&key.name)).await
        }
        Method::GET => list::get(api, call, target, key).await,
        Method::PUT => change::put(api, call, target, key, "").await,
        Method::PATCH => patch::patch(api, call, target, key, "").await,
        Method::DELETE => delete::delete(api, call, target, key).await,
        _ => Err(Failure::NoSuchVerb),
    }
}

async fn part(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    key: &ObjectKey,
    part: &'static str,
) -> Result<Reply, Failure> {
    match call.method {
        Method::GET => list::get(api, call, target, key).await,
        Method::PUT => change::put(api, call, target, key, part).await,
        Method::PATCH => patch::patch(api, call, target, key, part).await,
        _ => Err(Failure::NoSuchVerb),
    }
}
