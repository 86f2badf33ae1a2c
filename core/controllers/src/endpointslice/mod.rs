//! Keeps the endpoints of every service with a selector in step with its pods.
//!
//! It promises: one slice per service (more only where ports or address families differ), named
//! after its content so that no pass makes a second one; an endpoint is ready exactly while its pod
//! serves, is not ending and its node is heard of; all slices of a service change in one
//! transaction. Services without a selector and `ExternalName` services are left alone.

mod desired;
mod diff;

use crate::{nodes, spaces};
use async_trait::async_trait;
use desired::{MANAGED_BY, MANAGER, SERVICE_NAME};
use quorate_kinds::{Pod, Service};
use quorate_reconcile::{CacheChange, Context, Error, Next, Reconciler, Snapshot, Watch};
use quorate_resources::{Object, Typed};
use quorate_types::{GroupKind, ObjectKey, Selector};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct EndpointSlices;

#[async_trait]
impl Reconciler for EndpointSlices {
    fn name(&self) -> &'static str {
        "endpointslice"
    }

    fn watches(&self) -> Vec<Watch> {
        let service = GroupKind::new("", "Service");
        vec![
            Watch::own(service.clone()),
            Watch::owned(slice_kind(), service),
            Watch::map(GroupKind::new("", "Pod"), |snapshot, change| {
                let versions = [change.old.as_deref(), change.new.as_deref()];
                versions.into_iter().flatten().flat_map(|pod| selecting(snapshot, pod)).collect()
            }),
            Watch::map(nodes::kind(), on_turned_node),
        ]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let snapshot = cx.snapshot();
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let Some(service) = snapshot.get::<Service>(key) else { return Ok(Next::Done) };
        let Some(selector) = selector(&service) else { return Ok(Next::Done) };
        if service.object.metadata.is_deleting() || spaces::is_terminating(snapshot, namespace) {
            return Ok(Next::Done);
        }
        let pods = snapshot.select::<Pod>(namespace, &selector);
        let backends: Vec<_> =
            pods.iter().filter_map(|pod| desired::backend(snapshot, pod)).collect();
        let desired = desired::slices(&service, &backends);
        cx.commit(diff::diff(&existing(snapshot, namespace, &key.name), desired)).await?;
        Ok(Next::Done)
    }
}

fn slice_kind() -> GroupKind {
    GroupKind::new("discovery.k8s.io", "EndpointSlice")
}

fn selector(service: &Typed<Service>) -> Option<Selector> {
    let spec = service.spec.as_ref()?;
    let labels = spec.selector.as_ref().filter(|labels| !labels.is_empty())?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return None;
    }
    Some(Selector::from_labels(labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
}

/// The slices of a service that this controller writes.
fn existing(snapshot: &Snapshot, namespace: &str, service: &str) -> Vec<Arc<Object>> {
    let labelled = |slice: &Arc<Object>, label: &str, value: &str| {
        slice.metadata.labels.get(label).is_some_and(|own| own == value)
    };
    snapshot
        .objects_in(&slice_kind(), namespace)
        .filter(|slice| labelled(slice, SERVICE_NAME, service))
        .filter(|slice| labelled(slice, MANAGED_BY, MANAGER))
        .collect()
}

/// The services whose selector matches a pod.
fn selecting(snapshot: &Snapshot, pod: &Object) -> BTreeSet<ObjectKey> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    snapshot
        .list_in::<Service>(namespace)
        .filter(|service| {
            selector(service).is_some_and(|selector| selector.matches_map(&pod.metadata.labels))
        })
        .map(|service| service.object.key())
        .collect()
}

/// A node that is lost or comes back changes which pods serve.
fn on_turned_node(snapshot: &Snapshot, change: &CacheChange) -> Vec<ObjectKey> {
    if !nodes::turned(change) {
        return Vec::new();
    }
    let pods = nodes::pods_on(snapshot, &change.key.name);
    let keys: BTreeSet<ObjectKey> = pods.flat_map(|pod| selecting(snapshot, &pod)).collect();
    keys.into_iter().collect()
}

#[cfg(test)]
mod tests;
