//! The node's lease: one small write per heartbeat, and what its loss means.
//!
//! A node whose lease ran out is taken for dead by the control plane, which replaces its pods. The
//! agent keeps them running all the same: a service that is cut off from the control plane goes on
//! serving, and what was replaced meanwhile is stopped once the agent learns of it. The loss is told
//! by [`AgentStatus`](crate::AgentStatus).

use super::object::{Readiness, json};
use super::{Node, lock};
use crate::LeaseState;
use crate::time::micro_time;
use quorate_kinds::k8s_openapi::api::coordination::v1::LeaseSpec;
use quorate_resources::{Error, Metadata, Object};
use quorate_seams::{Monotonic, timeout};
use quorate_types::{GroupKind, ObjectKey};
use serde_json::Map;
use std::sync::Arc;

/// Where node leases lie.
const NAMESPACE: &str = "kube-node-lease";

/// Keeps the node's object and lease.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    node: Arc<Node>,
    lease: Option<Object>,
    renewed: Option<Monotonic>,
}

impl Heartbeat {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node, lease: None, renewed: None }
    }

    /// Beats until it is dropped.
    pub(crate) async fn run(mut self) {
        let clock = self.node.seams.clock.clone();
        let (beat, duration) = (self.node.options.heartbeat, self.node.options.lease_duration);
        loop {
            let began = clock.now();
            // A beat that hangs must not hold back the next one beyond its time.
            let outcome = timeout(&*clock, beat, self.beat()).await;
            let wait = match outcome {
                Some(Ok(())) => {
                    self.renewed = Some(began);
                    beat
                }
                Some(Err(error)) => {
                    tracing::warn!(node = %self.node.options.node_name, %error, "heartbeat failed");
                    beat / 8
                }
                None => beat / 8,
            };
            let lost = self.renewed.is_some_and(|at| clock.now() >= at + duration);
            self.tell(lost);
            clock.sleep(wait).await;
        }
    }

    fn tell(&self, lost: bool) {
        let lease = match (self.renewed, lost) {
            (None, _) => LeaseState::Never,
            (Some(_), true) => LeaseState::Lost,
            (Some(_), false) => LeaseState::Held,
        };
        let pods = lock(&self.node.runs).len();
        self.node.status.send_if_modified(|status| {
            let changed = status.lease != lease || status.pods != pods;
            status.lease = lease;
            status.pods = pods;
            changed
        });
    }

    async fn beat(&mut self) -> Result<(), Error> {
        if self.lease.is_none() {
            self.node.register(Readiness::Ready).await?;
            self.lease = Some(self.first_lease().await?);
            return Ok(());
        }
        self.renew().await?;
        if self.node.needs_registration() {
            self.node.register(Readiness::Ready).await?;
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), Error> {
        let Some(mut lease) = self.lease.take() else { return Ok(()) };
        // Without a version the last write wins: nobody else renews this lease.
        lease.metadata.resource_version = None;
        lease.body.insert("spec".to_owned(), self.spec(&lease));
        match self.node.objects.update(lease.clone()).await {
            Ok(renewed) => self.lease = Some(renewed),
            Err(error) if error.is_not_found() || error.is_conflict() => {
                self.lease = Some(self.first_lease().await?);
            }
            Err(error) => {
                self.lease = Some(lease);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Creates the lease, or takes it over from an earlier agent of this node.
    async fn first_lease(&self) -> Result<Object, Error> {
        let objects = &self.node.objects;
        let key = ObjectKey::namespaced(NAMESPACE, &self.node.options.node_name);
        let kind = GroupKind::new("coordination.k8s.io", "Lease");
        let mut fresh = Object {
            api_version: "coordination.k8s.io/v1".to_owned(),
            kind: "Lease".to_owned(),
            metadata: Metadata {
                name: key.name.clone(),
                namespace: key.namespace.clone(),
                ..Metadata::default()
            },
            body: Map::new(),
        };
        fresh.body.insert("spec".to_owned(), self.spec(&fresh));
        match objects.get(&kind, &key).await {
            Ok(mut current) => {
                current.body.insert("spec".to_owned(), self.spec(&current));
                objects.update(current).await
            }
            Err(error) if error.is_not_found() => match objects.create(fresh.clone()).await {
                Err(Error::NamespaceMissing { .. }) => {
                    self.create_namespace().await?;
                    objects.create(fresh).await
                }
                created => created,
            },
            Err(error) => Err(error),
        }
    }

    async fn create_namespace(&self) -> Result<(), Error> {
        let namespace = Object {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            metadata: Metadata { name: NAMESPACE.to_owned(), ..Metadata::default() },
            body: Map::new(),
        };
        match self.node.objects.create(namespace).await {
            Err(error) if !error.is_already_exists() => Err(error),
            _ => Ok(()),
        }
    }

    fn spec(&self, current: &Object) -> serde_json::Value {
        let options = &self.node.options;
        let now = micro_time(self.node.seams.clock.wall().as_millis());
        let before: LeaseSpec = current
            .body
            .get("spec")
            .cloned()
            .and_then(|spec| serde_json::from_value(spec).ok())
            .unwrap_or_default();
        let seconds = options.lease_duration.as_millis().div_ceil(1000);
        json(&LeaseSpec {
            holder_identity: Some(options.node_name.clone()),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            acquire_time: before.acquire_time.clone().or_else(|| Some(now.clone())),
            renew_time: Some(now),
            ..before
        })
    }
}

impl Node {
    /// Tells the control plane that this node stops together with its tasks.
    pub(crate) async fn announce_stop(&self) -> Result<(), Error> {
        self.register(Readiness::Stopping).await
    }
}
