//! From the selector of a spec to a selector that matches labels.

use quorate_kinds::k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use quorate_reconcile::Error;
use quorate_types::Selector;

/// Reads `spec.selector`.
///
/// # Errors
/// It is empty (it would match every pod), or malformed. Validation refuses such objects;
/// one that is stored all the same must not take over all pods of its namespace.
pub(crate) fn from_spec(spec: &LabelSelector) -> Result<Selector, Error> {
    let labels = spec.match_labels.iter().flatten();
    let mut selector = Selector::from_labels(labels.map(|(key, value)| (key.as_str(), value)));
    for expression in spec.match_expressions.iter().flatten() {
        let values = expression.values.as_deref().unwrap_or_default();
        selector = selector
            .and_expression(&expression.key, &expression.operator, values)
            .map_err(Error::failed)?;
    }
    if selector.is_empty() {
        return Err(Error::failed("spec.selector is empty and would match every pod"));
    }
    Ok(selector)
}
