//! Gives every pod a service account.

use super::NAME;
use async_trait::async_trait;
use quorate_kinds::{Pod, ServiceAccount};
use quorate_resources::{Admission, Claims, Error, Kind, Object, Objects, Operation};
use quorate_types::ObjectKey;
use serde_json::{Value, json};

/// Admission plugin that names the account of each new pod, `default` unless the pod names another, and
/// refuses a pod whose account does not exist. It needs the controllers: they make `default`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodAccounts;

#[async_trait]
impl Admission for PodAccounts {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    async fn admit(
        &self,
        objects: &Objects,
        operation: Operation,
        object: &mut Object,
        _: Option<&Object>,
    ) -> Result<Claims, Error> {
        if operation != Operation::Create || object.group_kind() != Pod::group_kind() {
            return Ok(Claims::default());
        }
        let name = account(object);
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        let key = ObjectKey::namespaced(namespace.as_str(), name.as_str());
        match objects.get(&ServiceAccount::group_kind(), &key).await {
            Ok(_) => {}
            Err(Error::NotFound { .. }) => {
                let reason = format!(
                    "error looking up service account {namespace}/{name}: serviceaccount {name:?} \
                     not found"
                );
                let (kind, key) = (object.group_kind(), object.key());
                return Err(Error::Denied { kind, key, reason });
            }
            Err(error) => return Err(error),
        }
        for field in ["serviceAccountName", "serviceAccount"] {
            crate::edit::set_field(object, &["spec", field], json!(name));
        }
        Ok(Claims::default())
    }
}

/// The account that a pod names, by the new field or the old one.
fn account(pod: &Object) -> String {
    let fields = ["/spec/serviceAccountName", "/spec/serviceAccount"];
    let named = fields.iter().filter_map(|field| pod.pointer(field).and_then(Value::as_str));
    let mut named = named.filter(|name| !name.is_empty());
    named.next().unwrap_or(NAME).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, object, pod};
    use std::sync::Arc;

    #[tokio::test]
    async fn a_pod_gets_an_account_that_exists() {
        let world = World::new().await;
        let objects = world.objects.clone().with_admission(Arc::new(PodAccounts));
        let refused = objects.create(pod("early", "web")).await.unwrap_err();
        assert!(refused.to_string().contains("serviceaccount \"default\" not found"), "{refused}");
        for name in [NAME, "robot"] {
            world
                .create(object(json!({ "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": { "name": name, "namespace": "shop" } })))
                .await;
        }
        let own = objects.create(pod("own", "web")).await.unwrap();
        assert_eq!(own.pointer("/spec/serviceAccountName"), Some(&json!("default")));
        let mut other = pod("other", "web");
        crate::edit::set_field(&mut other, &["spec", "serviceAccount"], json!("robot"));
        let other = objects.create(other).await.unwrap();
        assert_eq!(other.pointer("/spec/serviceAccountName"), Some(&json!("robot")));
        let mut none = pod("none", "web");
        crate::edit::set_field(&mut none, &["spec", "serviceAccountName"], json!("nobody"));
        assert!(objects.create(none).await.is_err());
    }
}
