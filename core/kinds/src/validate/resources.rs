//! Requests and limits.

use super::Faults;
use crate::json::At;
use quorate_types::Quantity;
use serde_json::Value;

/// Quantities parse, are not negative, and no request exceeds its limit.
pub(super) fn resources(at: &At<'_>, faults: &mut Faults) {
    for list in ["limits", "requests"] {
        for (_, entry) in at.field(list).entries() {
            quantity(&entry, faults);
        }
    }
    let limits = at.field("limits");
    for (name, request) in at.field("requests").entries() {
        let limit = limits.field(name);
        if let (Some(wanted), Some(most)) = (parse(request.value), parse(limit.value))
            && wanted > most
        {
            let message = format!(
                "must not exceed the limit of {}, is {}",
                text(limit.value),
                text(request.value)
            );
            faults.push(request.invalid(message));
        }
    }
}

/// A map from resource names to quantities.
pub(super) fn amounts(at: &At<'_>, faults: &mut Faults) {
    for (_, entry) in at.entries() {
        quantity(&entry, faults);
    }
}

fn quantity(at: &At<'_>, faults: &mut Faults) {
    match text(at.value).parse::<Quantity>() {
        Err(error) => faults.push(at.invalid(error.to_string())),
        Ok(amount) if amount < Quantity::ZERO => {
            faults.push(at.invalid(format!("must not be negative, is {}", text(at.value))));
        }
        Ok(_) => {}
    }
}

/// Quantities may be written as texts or as numbers.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn parse(value: &Value) -> Option<Quantity> {
    if value.is_null() { None } else { text(value).parse().ok() }
}
