//! Label selectors of workloads.

use super::Faults;
use crate::json::At;
use quorate_resources::Object;
use quorate_types::Selector;
use std::collections::BTreeMap;

/// The selector must be set, well formed, and choose the pods of the template.
pub(super) fn matches_template(selector: &At<'_>, template: &At<'_>, faults: &mut Faults) {
    let parsed = match parse(selector) {
        Ok(parsed) => parsed,
        Err(fault) => {
            faults.push(fault);
            return;
        }
    };
    if parsed.is_empty() {
        faults.push(selector.required("must have matchLabels or matchExpressions"));
        return;
    }
    let labels = template.field("metadata").field("labels");
    let map: BTreeMap<&str, &str> = labels.entries().map(|(key, at)| (key, at.text())).collect();
    if !parsed.matches(map) {
        faults.push(labels.invalid("must match spec.selector"));
    }
}

/// Reads a selector; an empty one matches everything.
pub(super) fn parse(at: &At<'_>) -> Result<Selector, quorate_resources::FieldError> {
    let labels = at.field("matchLabels");
    let pairs: Vec<(&str, &str)> =
        labels.entries().map(|(key, value)| (key, value.text())).collect();
    let mut faults = Vec::new();
    super::pod::labels(&labels, &mut faults);
    if let Some(fault) = faults.pop() {
        return Err(fault);
    }
    let mut selector = Selector::from_labels(pairs);
    for expression in at.field("matchExpressions").items() {
        let values: Vec<String> =
            expression.field("values").items().map(|value| value.text().to_owned()).collect();
        let (key, operator) = (expression.field("key"), expression.field("operator"));
        selector = selector
            .and_expression(key.text(), operator.text(), &values)
            .map_err(|error| expression.invalid(error.to_string()))?;
    }
    Ok(selector)
}

/// The selector of an existing workload may not change.
pub(super) fn unchanged(object: &Object, old: Option<&Object>, faults: &mut Faults) {
    if let Some(old) = old {
        let selector = |object| At::top(object, "spec").field("selector");
        super::immutable(&selector(object), &At { path: String::new(), ..selector(old) }, faults);
    }
}
