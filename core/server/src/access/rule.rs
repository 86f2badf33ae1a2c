//! One rule of a role: what it allows, and whether other rules allow as much.

use super::{Action, ResourceAction, Target};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

const ALL: &str = "*";
/// Single permissions that are looked at before a set of rules counts as too large to be judged.
const MAX_PIECES: usize = 10_000;
/// Missing rules that are told at most.
const MAX_TOLD: usize = 100;

/// What may be done: verbs with resources, or with paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rule {
    /// Verbs; `*` for all.
    #[serde(deserialize_with = "nullable")]
    pub verbs: Vec<String>,
    /// API groups; `*` for all.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// Resources and subresources: `pods`, `pods/log`, `*/scale`; `*` for all.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Names of objects; empty for all.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths: `/version`, `/logs/*`; `*` for all.
    #[serde(
        rename = "nonResourceURLs",
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub paths: Vec<String>,
}

/// A field that is null is stored as if it were absent, so it is read so.
fn nullable<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

fn has(list: &[String], text: &str) -> bool {
    list.iter().any(|one| one == text)
}

fn has_or_all(list: &[String], text: &str) -> bool {
    list.iter().any(|one| one == text || one == ALL)
}

impl Rule {
    /// Verbs with resources of a group.
    #[must_use]
    pub fn new(verbs: &[&str], group: &str, resources: &[&str]) -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Self {
            verbs: texts(verbs),
            api_groups: vec![group.to_owned()],
            resources: texts(resources),
            ..Self::default()
        }
    }

    /// `get` with paths.
    #[must_use]
    pub fn paths(paths: &[&str]) -> Self {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Self { verbs: vec!["get".to_owned()], paths, ..Self::default() }
    }

    /// Rules that allow everything.
    #[must_use]
    pub fn everything() -> Vec<Self> {
        let paths = Self { verbs: vec![ALL.to_owned()], ..Self::paths(&[ALL]) };
        vec![Self::new(&[ALL], ALL, &[ALL]), paths]
    }

    /// Whether it allows this.
    #[must_use]
    pub fn allows(&self, action: &Action) -> bool {
        has_or_all(&self.verbs, &action.verb)
            && match &action.target {
                Target::Path(path) => self.paths.iter().any(|rule| path_fits(rule, path)),
                Target::Resource(target) => self.fits(target),
            }
    }

    fn fits(&self, target: &ResourceAction) -> bool {
        let named = self.resource_names.is_empty()
            || (!target.name.is_empty() && has(&self.resource_names, &target.name));
        let part = &target.subresource;
        let any_of_part =
            |rule: &String| !part.is_empty() && rule.strip_prefix("*/") == Some(part.as_str());
        let combined = target.combined();
        has_or_all(&self.api_groups, &target.group)
            && self
                .resources
                .iter()
                .any(|rule| rule == ALL || *rule == combined || any_of_part(rule))
            && named
    }

    /// Whether it allows at least all that the other does, as far as one rule can tell.
    fn includes(&self, other: &Self) -> bool {
        let all = |own: &[String], wanted: &[String]| {
            has(own, ALL) || wanted.iter().all(|one| has(own, one))
        };
        let part_of = |wanted: &String| {
            wanted
                .split_once('/')
                .is_some_and(|(_, part)| has(&self.resources, &format!("*/{part}")))
        };
        let resources = has(&self.resources, ALL)
            || other.resources.iter().all(|one| has(&self.resources, one) || part_of(one));
        let names = self.resource_names.is_empty()
            || (!other.resource_names.is_empty()
                && other.resource_names.iter().all(|name| has(&self.resource_names, name)));
        let paths =
            other.paths.iter().all(|path| self.paths.iter().any(|own| path_fits(own, path)));
        all(&self.verbs, &other.verbs)
            && all(&self.api_groups, &other.api_groups)
            && resources
            && names
            && paths
    }

    /// The single permissions that it is made of: one verb, one group, one resource, one name each.
    fn pieces(&self) -> impl Iterator<Item = Self> {
        let one = |text: &String| vec![text.clone()];
        let paths = self.verbs.iter().flat_map(move |verb| {
            let piece = move |path| Self { verbs: one(verb), paths: one(path), ..Self::default() };
            self.paths.iter().map(piece)
        });
        let anything = if self.resource_names.is_empty() { vec![Vec::new()] } else { Vec::new() };
        let names: Vec<Vec<String>> = self.resource_names.iter().map(one).chain(anything).collect();
        let resources = self.verbs.iter().flat_map(move |verb| {
            let names = names.clone();
            self.api_groups.iter().flat_map(move |group| {
                let names = names.clone();
                self.resources.iter().flat_map(move |resource| {
                    names.clone().into_iter().map(move |resource_names| Self {
                        verbs: one(verb),
                        api_groups: one(group),
                        resources: one(resource),
                        resource_names,
                        paths: Vec::new(),
                    })
                })
            })
        });
        paths.chain(resources)
    }
}

/// A path rule ends in `*` if it means all that begin so.
fn path_fits(rule: &str, path: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => rule == path,
    }
}

/// What of the wanted rules the own rules do not allow; empty if they allow all of it. Of rules that are
/// too many to be looked at, those that no single own rule includes are given back whole.
pub(super) fn missing(own: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let included = |rule: &Rule| own.iter().any(|own| own.includes(rule));
    let (mut left, mut missing): (usize, Vec<Rule>) = (MAX_PIECES, Vec::new());
    for rule in wanted.iter().filter(|rule| !included(rule)) {
        let count = size(rule);
        if count > left {
            missing.push(rule.clone());
            continue;
        }
        left -= count;
        for piece in rule.pieces().filter(|piece| !included(piece)) {
            merge(&mut missing, piece);
            if missing.len() == MAX_TOLD {
                return missing;
            }
        }
    }
    missing
}

fn size(rule: &Rule) -> usize {
    let times = usize::saturating_mul;
    let named = times(rule.resources.len(), rule.resource_names.len().max(1));
    let resources = times(rule.api_groups.len(), named);
    times(rule.verbs.len(), resources.saturating_add(rule.paths.len()))
}

/// Permissions that differ in their verb only are told together.
fn merge(rules: &mut Vec<Rule>, piece: Rule) {
    let same = |rule: &&mut Rule| {
        rule.api_groups == piece.api_groups
            && rule.resources == piece.resources
            && rule.resource_names == piece.resource_names
            && rule.paths == piece.paths
    };
    match rules.iter_mut().find(same) {
        Some(rule) => rule.verbs.extend(piece.verbs),
        None => rules.push(piece),
    }
}

/// As the refusals of Kubernetes have it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("ResourceNames", &self.resource_names),
            ("NonResourceURLs", &self.paths),
            ("Verbs", &self.verbs),
        ];
        let fields = fields.iter().filter(|(_, list)| !list.is_empty());
        let fields: Vec<String> =
            fields.map(|(name, list)| format!("{name}:{}", quoted(list))).collect();
        write!(f, "{{{}}}", fields.join(", "))
    }
}

/// A list of texts as Go prints it.
pub(super) fn quoted(list: &[String]) -> String {
    let texts: Vec<String> = list.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", texts.join(" "))
}

#[cfg(test)]
mod tests;
