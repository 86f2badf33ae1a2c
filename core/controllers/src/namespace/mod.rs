//! Empties a namespace that is being deleted, then lets it go.
//!
//! It promises: everything in the namespace of every registered kind is deleted, pods gracefully;
//! the namespace itself goes only when the store holds nothing more under it, which is counted
//! there, not in the cache. Nothing can be created in it meanwhile, so this ends.

mod plan;

use crate::spaces;
use async_trait::async_trait;
use quorate_reconcile::{Context, Error, Next, Reconciler, Snapshot, Watch};
use quorate_resources::{Change, Object};
use quorate_store::RangeRequest;
use quorate_types::ObjectKey;
use std::sync::Arc;

/// Objects deleted in one transaction at most.
const BATCH: usize = 200;

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct Namespaces;

#[async_trait]
impl Reconciler for Namespaces {
    fn name(&self) -> &'static str {
        "namespace"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::own(spaces::kind()),
            // Whatever changes in a namespace that is being emptied brings it nearer to its end.
            Watch::any(|snapshot, change| {
                let namespace = change.key.namespace.as_deref();
                let terminating =
                    namespace.filter(|namespace| spaces::is_terminating(snapshot, namespace));
                terminating.map(ObjectKey::cluster).into_iter().collect()
            }),
        ]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let Some(namespace) = cx.snapshot().object(&spaces::kind(), key) else {
            return Ok(Next::Done);
        };
        if !plan::is_waiting(&namespace) {
            return Ok(Next::Done);
        }
        let contents = contents(cx.snapshot(), &key.name);
        delete_all(cx, plan::deletions(&contents)).await?;
        if !contents.is_empty() {
            return Ok(Next::Done);
        }
        if let Some(prefix) = occupied(cx, &key.name).await? {
            let reason = format!("namespace {key}: {prefix} still holds something unreadable");
            return Err(Error::failed(reason));
        }
        cx.commit(vec![plan::letting_go(&namespace)]).await?;
        Ok(Next::Done)
    }
}

/// Everything in a namespace, of every kind.
fn contents(snapshot: &Snapshot, namespace: &str) -> Vec<Arc<Object>> {
    snapshot.kinds().flat_map(|kind| snapshot.objects_in(kind, namespace)).collect()
}

/// Deletes in batches; where someone else is writing at the same time, one by one.
async fn delete_all(cx: &Context, changes: Vec<Change>) -> Result<(), Error> {
    for batch in changes.chunks(BATCH) {
        match cx.commit(batch.to_vec()).await {
            Err(error) if error.is_stale() => delete_each(cx, batch).await?,
            result => drop(result?),
        }
    }
    Ok(())
}

async fn delete_each(cx: &Context, changes: &[Change]) -> Result<(), Error> {
    for change in changes {
        let Change::Delete { kind, key, options, .. } = change else { continue };
        match cx.objects().delete(kind, key, options.clone()).await {
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            result => drop(result?),
        }
    }
    Ok(())
}

/// The first kind's prefix under which the store still holds keys of the namespace.
async fn occupied(cx: &Context, namespace: &str) -> Result<Option<String>, Error> {
    for kind in cx.objects().registry().kinds().filter(|kind| kind.namespaced) {
        let prefix = format!("{}{namespace}/", kind.storage_prefix());
        let request = RangeRequest { count_only: true, ..RangeRequest::prefix(prefix.clone()) };
        if cx.objects().store().range(request).await?.count > 0 {
            return Ok(Some(prefix));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
