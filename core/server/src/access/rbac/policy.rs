//! All roles and bindings of one moment, and what follows from them. Pure.

use crate::access::{Action, Rule, Target, User, Verdict};
use quorate_kinds::LabelSelector;
use quorate_resources::{Object, Selector};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// All roles and bindings of one moment. What cannot be read among them gives nothing.
#[derive(Debug, Default)]
pub struct Policy {
    roles: BTreeMap<Place, Role>,
    bindings: Vec<Binding>,
    /// Bindings by where they hold (empty for everywhere) and whom they name.
    index: HashMap<(String, Who), Vec<usize>>,
}

/// Namespace (empty for roles of the cluster) and name.
type Place = (String, String);

#[derive(Debug, Default)]
struct Role {
    rules: Vec<Rule>,
    labels: BTreeMap<String, String>,
    /// Selectors of the roles whose rules it has instead of its own.
    gathers: Option<Vec<Selector>>,
}

#[derive(Debug)]
struct Binding {
    namespace: String,
    name: String,
    role: RoleRef,
}

/// What a binding binds to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct RoleRef {
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl RoleRef {
    /// The role that a binding object binds to.
    pub(crate) fn of(binding: &Object) -> Self {
        field(binding, "roleRef")
    }

    fn place(&self, namespace: &str) -> Place {
        let own = self.kind == "Role";
        (if own { namespace.to_owned() } else { String::new() }, self.name.clone())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subject {
    kind: String,
    name: String,
    namespace: String,
}

/// Whom a subject means. A service account is a user by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    User(String),
    Group(String),
}

impl Subject {
    fn who(&self, namespace: &str) -> Option<Who> {
        match self.kind.as_str() {
            "User" => Some(Who::User(self.name.clone())),
            "Group" => Some(Who::Group(self.name.clone())),
            "ServiceAccount" => {
                let own = if self.namespace.is_empty() { namespace } else { &self.namespace };
                let user = User::service_account(own, &self.name).name;
                (!own.is_empty()).then_some(Who::User(user))
            }
            _ => None,
        }
    }
}

/// A field of an object; what does not fit is as if it were absent.
fn field<T: DeserializeOwned + Default>(object: &Object, name: &str) -> T {
    let value = object.body.get(name).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).unwrap_or_default()
}

/// The rules in a role object; `None` if they cannot be read.
pub(crate) fn rules_of(object: &Object) -> Option<Vec<Rule>> {
    match object.body.get("rules") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(rules) => serde_json::from_value(rules.clone()).ok(),
    }
}

impl Policy {
    /// The roles and bindings among some objects; others are passed over.
    pub fn new<'o>(objects: impl IntoIterator<Item = &'o Object>) -> Self {
        let mut policy = Self::default();
        for object in objects {
            let namespace = object.metadata.namespace.clone().unwrap_or_default();
            let name = object.metadata.name.clone();
            match object.kind.as_str() {
                "Role" | "ClusterRole" => {
                    policy.roles.insert((namespace, name), role(object));
                }
                "RoleBinding" | "ClusterRoleBinding" => policy.bind(object, namespace, name),
                _ => {}
            }
        }
        policy
    }

    fn bind(&mut self, object: &Object, namespace: String, name: String) {
        let subjects: Vec<Value> = field(object, "subjects");
        let subjects = subjects.into_iter().filter_map(|it| serde_json::from_value(it).ok());
        let whom: Vec<Who> =
            subjects.filter_map(|subject: Subject| subject.who(&namespace)).collect();
        for who in whom {
            let found = self.index.entry((namespace.clone(), who)).or_default();
            if found.last() != Some(&self.bindings.len()) {
                found.push(self.bindings.len());
            }
        }
        self.bindings.push(Binding { namespace, name, role: RoleRef::of(object) });
    }

    /// Whether the user may do this; never a denial.
    #[must_use]
    pub fn decide(&self, user: &User, action: &Action) -> Verdict {
        let namespace = match &action.target {
            Target::Resource(target) => target.namespace.as_str(),
            Target::Path(_) => "",
        };
        let mut dangling = BTreeSet::new();
        for binding in self.bindings_of(user, namespace) {
            match self.rules_at(&binding.role.place(&binding.namespace)) {
                Some(rules) if rules.iter().any(|rule| rule.allows(action)) => {
                    return Verdict::Allow(told(binding, user));
                }
                Some(_) => {}
                None => {
                    dangling.insert(missing(&binding.role));
                }
            }
        }
        Verdict::NoOpinion(dangling.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Everything that the user may do in a namespace; with an empty one, everywhere.
    #[must_use]
    pub fn rules(&self, user: &User, namespace: &str) -> Vec<Rule> {
        let bindings = self.bindings_of(user, namespace);
        let rules = bindings
            .into_iter()
            .filter_map(|binding| self.rules_at(&binding.role.place(&binding.namespace)));
        let mut all: Vec<Rule> = Vec::new();
        let mut seen = BTreeSet::new();
        for rule in rules.flatten() {
            if seen.insert(format!("{rule}")) {
                all.push(rule.clone());
            }
        }
        all
    }

    /// The rules of a role that a binding in a namespace (empty: everywhere) refers to.
    pub(crate) fn rules_of(&self, role: &RoleRef, namespace: &str) -> Option<Vec<Rule>> {
        let rules = self.rules_at(&role.place(namespace))?;
        Some(rules.into_iter().cloned().collect())
    }

    /// The bindings of a user that hold in a namespace, those of the cluster first.
    fn bindings_of(&self, user: &User, namespace: &str) -> Vec<&Binding> {
        let groups = user.groups.iter().map(|group| Who::Group(group.clone()));
        let whom: Vec<Who> = std::iter::once(Who::User(user.name.clone())).chain(groups).collect();
        let everywhere = Some("").into_iter();
        let places = everywhere.chain(Some(namespace).filter(|namespace| !namespace.is_empty()));
        let mut found = Vec::new();
        for place in places {
            let of = |who: &Who| self.index.get(&(place.to_owned(), who.clone()));
            let numbers: BTreeSet<usize> = whom.iter().filter_map(of).flatten().copied().collect();
            found.extend(numbers.into_iter().filter_map(|number| self.bindings.get(number)));
        }
        found
    }

    /// The rules of a role; of one that gathers others', theirs, through any number of steps.
    fn rules_at(&self, place: &Place) -> Option<Vec<&Rule>> {
        let first = self.roles.get(place)?;
        if first.gathers.is_none() {
            return Some(first.rules.iter().collect());
        }
        let (mut rules, mut seen, mut open) = (Vec::new(), BTreeSet::from([place]), vec![first]);
        while let Some(role) = open.pop() {
            let Some(selectors) = &role.gathers else {
                rules.extend(&role.rules);
                continue;
            };
            let chosen = self.roles.iter().filter(|((namespace, _), role)| {
                let fits = |selector: &Selector| selector.matches_map(&role.labels);
                namespace.is_empty() && selectors.iter().any(fits)
            });
            open.extend(chosen.filter(|(place, _)| seen.insert(*place)).map(|(_, role)| role));
        }
        Some(rules)
    }
}

fn role(object: &Object) -> Role {
    let selectors = object.pointer("/aggregationRule/clusterRoleSelectors");
    let gathers = object.body.get("aggregationRule").map(|_| {
        let selectors = selectors.and_then(Value::as_array).into_iter().flatten();
        selectors.filter_map(selector).collect()
    });
    let rules = rules_of(object).unwrap_or_default();
    Role { rules, labels: object.metadata.labels.clone(), gathers }
}

/// A selector that cannot be read chooses nothing.
fn selector(value: &Value) -> Option<Selector> {
    let read: LabelSelector = serde_json::from_value(value.clone()).ok()?;
    let mut selector = Selector::from_labels(read.match_labels.unwrap_or_default());
    for expression in read.match_expressions.unwrap_or_default() {
        let values = expression.values.unwrap_or_default();
        let added = selector.and_expression(&expression.key, &expression.operator, &values);
        selector = added.ok()?;
    }
    Some(selector)
}

fn missing(role: &RoleRef) -> String {
    let kind = role.kind.to_lowercase();
    format!("RBAC: {kind}.rbac.authorization.k8s.io {:?} not found", role.name)
}

/// Why something is allowed.
fn told(binding: &Binding, user: &User) -> String {
    let (kind, name) = match binding.namespace.as_str() {
        "" => ("ClusterRoleBinding", binding.name.clone()),
        namespace => ("RoleBinding", format!("{}/{namespace}", binding.name)),
    };
    let RoleRef { kind: role_kind, name: role } = &binding.role;
    format!("RBAC: allowed by {kind} {name:?} of {role_kind} {role:?} to User {:?}", user.name)
}

#[cfg(test)]
mod tests;
