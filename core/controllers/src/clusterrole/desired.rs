//! The rules that a role gathers.

use crate::select;
use quorate_kinds::{ClusterRole, LabelSelector, PolicyRule};
use quorate_reconcile::Error;
use quorate_types::Selector;

/// What the role's rules should be; `None` if it does not gather others'.
pub(super) fn rules<'r>(
    role: &ClusterRole,
    others: impl Iterator<Item = &'r ClusterRole>,
) -> Result<Option<Vec<PolicyRule>>, Error> {
    let Some(gathers) = &role.aggregation_rule else { return Ok(None) };
    let selectors = gathers.cluster_role_selectors.iter().flatten();
    let selectors = selectors.map(selector).collect::<Result<Vec<_>, _>>()?;
    let chosen = others.filter(|other| {
        let labels = other.metadata.labels.clone().unwrap_or_default();
        let fits = selectors.iter().any(|selector| selector.matches_map(&labels));
        fits && other.metadata.name != role.metadata.name
    });
    let mut rules: Vec<PolicyRule> = Vec::new();
    for rule in chosen.flat_map(|other| other.rules.iter().flatten()) {
        if !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
    Ok(Some(rules))
}

/// Other than that of a workload, an empty selector may choose everything.
fn selector(spec: &LabelSelector) -> Result<Selector, Error> {
    let labels = spec.match_labels.as_ref().is_some_and(|labels| !labels.is_empty());
    let expressions = spec.match_expressions.as_ref().is_some_and(|all| !all.is_empty());
    if labels || expressions { select::from_spec(spec) } else { Ok(Selector::everything()) }
}
