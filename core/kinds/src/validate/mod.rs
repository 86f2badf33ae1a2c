//! The rules of the built-in kinds beyond names and types.
//!
//! Each function gets an object whose types have been checked and whose defaults are filled in, and
//! the object before, if there was one.

mod access;
mod autoscaler;
mod batch;
mod container;
mod custom;
mod pod;
mod policy;
mod probe;
mod quota;
mod resources;
mod selector;
mod service;
mod set;
mod small;
mod storage;
mod workload;

pub(crate) use access::{cluster_role, cluster_role_binding, role, role_binding};
pub(crate) use autoscaler::autoscaler;
pub(crate) use batch::{cron_job, job};
pub(crate) use custom::definition;
pub(crate) use pod::pod;
pub(crate) use policy::{disruption_budget, priority_class};
pub(crate) use quota::{limit_range, resource_quota};
pub(crate) use service::{endpoint_slice, service};
pub(crate) use set::{controller_revision, daemon_set, stateful_set};
pub(crate) use small::{config_map, node, runtime_class, secret};
pub(crate) use storage::{claim, storage_class, volume};
pub(crate) use workload::{deployment, replica_set};

use crate::json::At;
use quorate_resources::{FieldError, FieldReason};

/// Adds a fault.
pub(crate) type Faults = Vec<FieldError>;

/// A port number must be one that can be connected to.
fn port_number(at: &At<'_>, faults: &mut Faults) {
    if let Some(number) = at.integer()
        && !(1..=65_535).contains(&number)
    {
        faults.push(at.invalid(format!("must be between 1 and 65535, is {number}")));
    }
}

/// A port's name: lower case letters, digits and single dashes, at most 15, with a letter.
fn port_name(at: &At<'_>, faults: &mut Faults) {
    let name = at.text();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ok = name.len() <= 15
        && name.chars().all(plain)
        && name.contains(|c: char| c.is_ascii_lowercase())
        && !(name.starts_with('-') || name.ends_with('-') || name.contains("--"));
    if !name.is_empty() && !ok {
        let rule = "must be at most 15 lower case letters, digits and single '-', with a letter";
        faults.push(at.invalid(format!("{name:?} is no port name: {rule}")));
    }
}

/// The text must be one of a few.
fn one_of(at: &At<'_>, allowed: &[&str], faults: &mut Faults) {
    if at.is_set() && !allowed.contains(&at.text()) {
        let message = format!("must be one of {}, is {:?}", allowed.join(", "), at.text());
        faults.push(at.fault(FieldReason::NotSupported, message));
    }
}

/// A number must not be negative.
fn not_negative(at: &At<'_>, faults: &mut Faults) {
    if let Some(number) = at.integer()
        && number < 0
    {
        faults.push(at.invalid(format!("must not be negative, is {number}")));
    }
}

/// A number must be above zero.
fn positive(at: &At<'_>, faults: &mut Faults) {
    if let Some(number) = at.integer()
        && number < 1
    {
        faults.push(at.invalid(format!("must be at least 1, is {number}")));
    }
}

/// A count or a percentage; absent counts as something.
fn share(at: &At<'_>) -> Result<i64, String> {
    let fail = || "must be a number or a percentage such as 25%, and not negative".to_owned();
    match (at.integer(), at.value.as_str()) {
        (Some(count), _) => Ok(count),
        (None, Some(text)) => {
            text.strip_suffix('%').and_then(|number| number.parse().ok()).ok_or_else(fail)
        }
        (None, None) => Ok(1),
    }
    .and_then(|number| if number < 0 { Err(fail()) } else { Ok(number) })
}

/// As [`share`]; what is wrong is said, and counts as something.
fn checked_share(at: &At<'_>, faults: &mut Faults) -> i64 {
    match share(at) {
        Ok(number) if at.value.is_string() && number > 100 => {
            faults.push(at.invalid("must not be more than 100%"));
            number
        }
        Ok(number) => number,
        Err(message) => {
            faults.push(at.invalid(message));
            1
        }
    }
}

/// The keys of the items must differ.
fn unique<'v>(items: impl Iterator<Item = (At<'v>, String)>, faults: &mut Faults) {
    let mut seen = std::collections::BTreeSet::new();
    for (at, key) in items {
        if !key.is_empty() && !seen.insert(key.clone()) {
            faults.push(at.fault(FieldReason::Duplicate, format!("{key:?} occurs twice")));
        }
    }
}

/// A field of each item, with its text as the key.
fn keyed<'v>(list: &At<'v>, name: &'static str) -> impl Iterator<Item = (At<'v>, String)> {
    list.items().map(move |item| {
        let field = item.field(name);
        let key = field.text().to_owned();
        (field, key)
    })
}

/// A field that may not change.
fn immutable(new: &At<'_>, old: &At<'_>, faults: &mut Faults) {
    if new.value != old.value {
        let message = "may not change: delete the object and create it anew";
        faults.push(new.fault(FieldReason::Immutable, message));
    }
}

#[cfg(test)]
mod further_tests;
#[cfg(test)]
mod tests;
