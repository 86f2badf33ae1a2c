//! Roles and their bindings.

use super::{Faults, immutable, one_of, selector};
use crate::json::At;
use quorate_resources::{FieldReason, Object};
use quorate_types::name;

/// The group of roles, users and groups.
const GROUP: &str = "rbac.authorization.k8s.io";

pub(crate) fn role(object: &Object, _old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    for rule in At::top(object, "rules").items() {
        self::rule(&rule, true, &mut faults);
    }
    faults
}

pub(crate) fn cluster_role(object: &Object, _old: Option<&Object>) -> Faults {
    let mut faults = Vec::new();
    for rule in At::top(object, "rules").items() {
        self::rule(&rule, false, &mut faults);
    }
    let aggregation = At::top(object, "aggregationRule");
    let selectors = aggregation.field("clusterRoleSelectors");
    if aggregation.is_set() && selectors.items().next().is_none() {
        faults.push(selectors.required("must name at least one selector of roles"));
    }
    for one in selectors.items() {
        if let Err(fault) = selector::parse(&one) {
            faults.push(fault);
        }
    }
    faults
}

/// A rule is about resources or about paths, never about both.
fn rule(rule: &At<'_>, namespaced: bool, faults: &mut Faults) {
    let (verbs, paths) = (rule.field("verbs"), rule.field("nonResourceURLs"));
    let (groups, resources) = (rule.field("apiGroups"), rule.field("resources"));
    let some = |list: &At<'_>| list.items().next().is_some();
    if !some(&verbs) {
        faults.push(verbs.required("must name at least one verb"));
    }
    if some(&paths) {
        if namespaced {
            faults.push(paths.invalid("a rule of a namespace cannot be about paths"));
        }
        if some(&groups) || some(&resources) || some(&rule.field("resourceNames")) {
            faults.push(paths.invalid("a rule cannot be about resources and about paths"));
        }
        return;
    }
    if !some(&groups) {
        faults.push(groups.required("must name at least one group, \"\" for the core group"));
    }
    if !some(&resources) {
        faults.push(resources.required("must name at least one resource"));
    }
}

pub(crate) fn role_binding(object: &Object, old: Option<&Object>) -> Faults {
    binding(object, old, &["Role", "ClusterRole"], true)
}

pub(crate) fn cluster_role_binding(object: &Object, old: Option<&Object>) -> Faults {
    binding(object, old, &["ClusterRole"], false)
}

fn binding(object: &Object, old: Option<&Object>, roles: &[&str], namespaced: bool) -> Faults {
    let mut faults = Vec::new();
    let role = At::top(object, "roleRef");
    one_of(&role.field("apiGroup"), &[GROUP], &mut faults);
    one_of(&role.field("kind"), roles, &mut faults);
    if role.field("name").text().is_empty() {
        faults.push(role.field("name").required("must name a role"));
    } else if let Err(error) = name::check_path_segment(role.field("name").text()) {
        faults.push(role.field("name").invalid(error.to_string()));
    }
    for one in At::top(object, "subjects").items() {
        subject(&one, namespaced, &mut faults);
    }
    if let Some(old) = old {
        immutable(&role, &At::top(old, "roleRef"), &mut faults);
    }
    faults
}

fn subject(subject: &At<'_>, namespaced: bool, faults: &mut Faults) {
    let (kind, named) = (subject.field("kind"), subject.field("name"));
    if named.text().is_empty() {
        faults.push(named.required("must name who gets the role"));
    }
    match kind.text() {
        "ServiceAccount" => service_account(subject, namespaced, faults),
        "User" | "Group" => one_of(&subject.field("apiGroup"), &[GROUP], faults),
        other => {
            let message = format!("must be one of ServiceAccount, User, Group, is {other:?}");
            faults.push(kind.fault(FieldReason::NotSupported, message));
        }
    }
}

fn service_account(subject: &At<'_>, namespaced: bool, faults: &mut Faults) {
    let (named, space) = (subject.field("name"), subject.field("namespace"));
    if !named.text().is_empty()
        && let Err(error) = name::check_dns_subdomain(named.text())
    {
        faults.push(named.invalid(error.to_string()));
    }
    if !subject.field("apiGroup").text().is_empty() {
        let message = "must be empty: service accounts belong to the core group";
        faults.push(subject.field("apiGroup").fault(FieldReason::NotSupported, message));
    }
    if !namespaced && space.text().is_empty() {
        faults.push(space.required("must name the namespace of the service account"));
    }
}
