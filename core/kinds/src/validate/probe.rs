//! Probes and lifecycle hooks.

use super::{Faults, port_number};
use crate::json::At;

const PROBE_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc"];
const HOOK_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "sleep"];

pub(super) fn probe(at: &At<'_>, faults: &mut Faults) {
    if !at.is_set() {
        return;
    }
    handler(at, PROBE_HANDLERS, faults);
    for name in ["timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        let field = at.field(name);
        if field.integer().is_some_and(|number| number < 1) {
            faults.push(field.invalid("must be at least 1"));
        }
    }
    super::not_negative(&at.field("initialDelaySeconds"), faults);
}

/// A probe that decides over life and death succeeds at once.
pub(super) fn single_success(at: &At<'_>, faults: &mut Faults) {
    let threshold = at.field("successThreshold");
    if threshold.integer().is_some_and(|number| number != 1) {
        faults.push(threshold.invalid("must be 1 for liveness and startup probes"));
    }
}

pub(super) fn hook(at: &At<'_>, faults: &mut Faults) {
    if at.is_set() {
        handler(at, HOOK_HANDLERS, faults);
    }
}

fn handler(at: &At<'_>, names: &[&str], faults: &mut Faults) {
    let given: Vec<_> = names.iter().map(|name| at.field(name)).filter(At::is_set).collect();
    match given.as_slice() {
        [] => faults.push(at.required(&format!("must have one of {}", names.join(", ")))),
        [one] => {
            port_number(&one.field("port"), faults);
            let port = one.field("port");
            if port.value.as_str().is_some_and(str::is_empty) {
                faults.push(port.required("must be a number or the name of a container port"));
            }
            if at.field("exec").is_set() && one.field("command").items().next().is_none() {
                faults.push(one.field("command").required("must have at least one word"));
            }
            super::one_of(&one.field("scheme"), &["HTTP", "HTTPS"], faults);
        }
        [_, second, ..] => {
            let message = format!("must have only one of {}", names.join(", "));
            faults.push(second.invalid(message));
        }
    }
}
