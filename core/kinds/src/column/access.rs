//! Service accounts, roles and their bindings.

use super::text::{at, count, field, items};
use super::{AGE, NAME};
use quorate_resources::{Column, Object};
use serde_json::json;

pub(super) const SERVICE_ACCOUNTS: &[Column] =
    &[NAME, Column::new("Secrets", |account, _| json!(count(account, "/secrets"))).integer(), AGE];

pub(super) const ROLES: &[Column] =
    &[NAME, Column::new("Created At", |role, _| json!(role.metadata.creation_timestamp))];

pub(super) const ROLE_BINDINGS: &[Column] = &[
    NAME,
    Column::new("Role", |binding, _| {
        json!(format!("{}/{}", at(binding, "/roleRef/kind"), at(binding, "/roleRef/name")))
    }),
    AGE,
    Column::new("Users", |binding, _| json!(subjects(binding, "User"))).wide(),
    Column::new("Groups", |binding, _| json!(subjects(binding, "Group"))).wide(),
    Column::new("ServiceAccounts", |binding, _| json!(subjects(binding, "ServiceAccount"))).wide(),
];

/// The names of the subjects of a kind.
fn subjects(binding: &Object, kind: &str) -> String {
    let of_kind = items(binding, "/subjects").filter(|subject| field(subject, "kind") == kind);
    let names = of_kind.map(|subject| match field(subject, "namespace") {
        "" => field(subject, "name").to_owned(),
        namespace => format!("{namespace}/{}", field(subject, "name")),
    });
    names.collect::<Vec<_>>().join(", ")
}
