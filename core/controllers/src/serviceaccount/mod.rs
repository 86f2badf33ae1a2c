//! Gives every namespace the service account that pods use unless they name another: `default`.
//!
//! It promises: as long as a namespace is not being deleted it has one, also after somebody has deleted
//! it; then it is another account, and tokens of the old one are void.

mod admission;

pub use admission::PodAccounts;

use crate::spaces;
use async_trait::async_trait;
use quorate_kinds::ServiceAccount;
use quorate_reconcile::{Context, Error, Next, Reconciler, Snapshot, Watch};
use quorate_resources::{Error as ObjectError, Kind, Object};
use quorate_types::ObjectKey;

const NAME: &str = "default";

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct ServiceAccounts;

#[async_trait]
impl Reconciler for ServiceAccounts {
    fn name(&self) -> &'static str {
        "serviceaccount"
    }

    fn watches(&self) -> Vec<Watch> {
        let own = Watch::map(ServiceAccount::group_kind(), |_, change| {
            let gone = change.new.is_none() && change.key.name == NAME;
            let namespace = change.key.namespace.as_deref().filter(|_| gone);
            namespace.map(ObjectKey::cluster).into_iter().collect()
        });
        vec![Watch::own(spaces::kind()), own]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let Some(account) = missing(cx.snapshot(), &key.name) else { return Ok(Next::Done) };
        match cx.objects().create(account).await {
            Ok(_)
            | Err(
                ObjectError::AlreadyExists { .. }
                | ObjectError::NamespaceMissing { .. }
                | ObjectError::NamespaceTerminating { .. },
            ) => Ok(Next::Done),
            Err(error) => Err(error.into()),
        }
    }
}

/// The account that a namespace should have and has not.
fn missing(snapshot: &Snapshot, namespace: &str) -> Option<Object> {
    let standing = snapshot.object(&spaces::kind(), &ObjectKey::cluster(namespace))?;
    let key = ObjectKey::namespaced(namespace, NAME);
    let there = snapshot.object(&ServiceAccount::group_kind(), &key).is_some();
    (!standing.metadata.is_deleting() && !there).then(|| Object::new::<ServiceAccount>(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use std::sync::Arc;

    fn uid(snapshot: &Snapshot) -> Option<quorate_types::Uid> {
        let key = ObjectKey::namespaced("shop", NAME);
        snapshot.object(&ServiceAccount::group_kind(), &key)?.metadata.uid.clone()
    }

    #[tokio::test]
    async fn every_namespace_has_its_account_until_it_goes() {
        let world = World::new().await;
        let _running =
            world.start(vec![Arc::new(ServiceAccounts), Arc::new(crate::namespace::Namespaces)]);
        let first = world.until("the account is there", uid).await;
        world.delete("/ServiceAccount", Some("shop"), NAME).await;
        world.until("another one is there", |s| uid(s).filter(|own| *own != first)).await;
        world.delete("/Namespace", None, "shop").await;
        let gone = |s: &Snapshot| s.object(&spaces::kind(), &ObjectKey::cluster("shop")).is_none();
        world.until("the namespace is gone", |s| gone(s).then_some(())).await;
        assert_eq!(uid(&world.settled().await), None);
    }
}
