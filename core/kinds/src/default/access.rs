//! Bindings of roles: the groups that everybody means.

use crate::json::{child_mut, fill, items_mut};
use quorate_resources::Object;

/// The group of roles, users and groups.
const GROUP: &str = "rbac.authorization.k8s.io";

/// Users and groups belong to the group of roles, service accounts to the core group.
pub(crate) fn binding(object: &mut Object) {
    if let Some(role) = child_mut(&mut object.body, "roleRef") {
        fill_group(role, GROUP);
    }
    for subject in items_mut(&mut object.body, "subjects") {
        if matches!(subject.get("kind").and_then(|kind| kind.as_str()), Some("User" | "Group")) {
            fill_group(subject, GROUP);
        }
    }
}

/// An empty group counts as absent.
fn fill_group(fields: &mut crate::json::Fields, group: &str) {
    if fields.get("apiGroup").and_then(|it| it.as_str()).is_some_and(str::is_empty) {
        fields.remove("apiGroup");
    }
    fill(fields, "apiGroup", group);
}
