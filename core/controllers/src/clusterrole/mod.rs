//! Writes into cluster roles that gather others' rules what they gather, for people to see.
//!
//! It promises: such a role has the rules of all that its selectors choose, each once, by name of the
//! role. Whoever decides about requests follows the selectors itself and does not wait for this.

mod desired;

use async_trait::async_trait;
use quorate_kinds::ClusterRole;
use quorate_reconcile::{Context, Error, Next, Reconciler, Watch};
use quorate_resources::{Kind, Typed};
use quorate_types::ObjectKey;
use serde_json::json;

/// The controller.
#[derive(Debug, Default)]
pub(crate) struct ClusterRoles;

#[async_trait]
impl Reconciler for ClusterRoles {
    fn name(&self) -> &'static str {
        "clusterrole"
    }

    fn watches(&self) -> Vec<Watch> {
        // There are few that gather, and any role may be one that they choose now or chose before.
        vec![Watch::map(ClusterRole::group_kind(), |snapshot, _| {
            let gathering = snapshot.list::<ClusterRole>();
            gathering.filter(|it| it.aggregation_rule.is_some()).map(|it| key(&it)).collect()
        })]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let Some(role) = cx.snapshot().get::<ClusterRole>(key) else { return Ok(Next::Done) };
        let others: Vec<Typed<ClusterRole>> = cx.snapshot().list().collect();
        let others = others.iter().map(|role| &**role);
        let Some(rules) = desired::rules(&role, others)? else { return Ok(Next::Done) };
        let Some(old) = cx.snapshot().object(&ClusterRole::group_kind(), key) else {
            return Ok(Next::Done);
        };
        let mut new = (*old).clone();
        new.body.insert("rules".to_owned(), json!(rules));
        cx.commit(crate::edit::update(&old, new).into_iter().collect()).await?;
        Ok(Next::Done)
    }
}

fn key(role: &ClusterRole) -> ObjectKey {
    ObjectKey::cluster(role.metadata.name.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests;
