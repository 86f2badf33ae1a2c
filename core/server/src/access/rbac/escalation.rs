//! Nobody gives away more than they have.
//!
//! Who writes a role must be allowed what it allows, or the verb `escalate` on it; who writes a binding
//! must be allowed what the role allows, or the verb `bind` on the role.

use super::policy::{RoleRef, rules_of};
use super::{GROUP, Rbac};
use crate::access::rule::{missing, quoted};
use crate::access::{Action, Caller, Rule};
use crate::failure::Failure;
use quorate_resources::{Error, GroupKind, KindInfo, Object, ObjectKey};

/// Refuses a role or binding that would give more than the caller has. `old` is the object before.
pub(crate) async fn may_write(
    caller: &Caller,
    info: &KindInfo,
    new: &Object,
    old: Option<&Object>,
) -> Result<(), Failure> {
    let access = caller.access.clone();
    let Some(rbac) = access.rbac().filter(|_| info.group == GROUP) else { return Ok(()) };
    let unchanged = old.is_some_and(|old| {
        // By a label, a role's rules can be given to others.
        old.body == new.body && old.metadata.labels == new.metadata.labels
    });
    if unchanged || caller.user.is_master() {
        return Ok(());
    }
    let namespace = new.metadata.namespace.as_deref().unwrap_or_default();
    let given = match info.kind.as_str() {
        "Role" | "ClusterRole" => role(caller, info, new, namespace).await?,
        _ => binding(caller, rbac, new, namespace).await?,
    };
    let Some(given) = given else { return Ok(()) };
    let own = rbac.policy().await?.rules(&caller.user, namespace);
    let excess = missing(&own, &given);
    if excess.is_empty() {
        return Ok(());
    }
    Err(refusal(caller, info, new, &excess))
}

/// What a role gives; `None` if the caller may give anything.
async fn role(
    caller: &Caller,
    info: &KindInfo,
    new: &Object,
    namespace: &str,
) -> Result<Option<Vec<Rule>>, Failure> {
    let escalate = Action::resource("escalate", GROUP, &info.plural);
    if caller.can(&escalate.in_namespace(namespace).on(&new.metadata.name)).await? {
        return Ok(None);
    }
    // What gathers others' rules can come to give anything, and who knows what is unreadable.
    let gathers = new.body.contains_key("aggregationRule");
    let rules = rules_of(new).filter(|_| !gathers);
    Ok(Some(rules.unwrap_or_else(Rule::everything)))
}

/// What a binding gives; `None` if the caller may bind that role.
async fn binding(
    caller: &Caller,
    rbac: &Rbac,
    new: &Object,
    namespace: &str,
) -> Result<Option<Vec<Rule>>, Failure> {
    let role = RoleRef::of(new);
    let own = role.kind == "Role";
    let bind = Action::resource("bind", GROUP, if own { "roles" } else { "clusterroles" });
    if caller.can(&bind.in_namespace(namespace).on(&role.name)).await? {
        return Ok(None);
    }
    let found = rbac.policy().await?.rules_of(&role, namespace);
    found.map(Some).ok_or_else(|| {
        let namespace = own.then(|| namespace.to_owned());
        let key = ObjectKey { namespace, name: role.name.clone() };
        Failure::Objects(Error::NotFound { kind: GroupKind::new(GROUP, &*role.kind), key })
    })
}

fn refusal(caller: &Caller, info: &KindInfo, new: &Object, excess: &[Rule]) -> Failure {
    let rules: Vec<String> = excess.iter().map(ToString::to_string).collect();
    let user = &caller.user;
    let reason = format!(
        "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        quoted(&user.groups),
        rules.join("\n")
    );
    Failure::Objects(Error::Denied { kind: info.group_kind(), key: new.key(), reason })
}
