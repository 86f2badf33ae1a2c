//! The roles and bindings that every cluster has.
//!
//! Source: Kubernetes' documentation of its default roles. Rules are in terms of all of Kubernetes'
//! resources, whether they are served here or not.

use super::GROUP;
use super::policy::rules_of;
use crate::access::Rule;
use crate::access::rule::missing;
use quorate_resources::{Error, Object, Objects};
use serde_json::{Value, json};

const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
/// Writes that lose against another process are repeated so often.
const ATTEMPTS: u32 = 8;

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const MANAGE: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Workloads and what they need, which who edits may write and who views may read.
const WORK: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "pods",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "serviceaccounts",
            "services",
        ],
    ),
    (
        "apps",
        &[
            "daemonsets",
            "deployments",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("batch", &["cronjobs", "jobs"]),
    ("networking.k8s.io", &["ingresses", "networkpolicies"]),
    ("policy", &["poddisruptionbudgets"]),
];

/// What who views may read besides.
const SEEN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "bindings",
            "events",
            "limitranges",
            "namespaces",
            "namespaces/status",
            "persistentvolumeclaims/status",
            "pods/log",
            "pods/status",
            "replicationcontrollers/status",
            "resourcequotas",
            "resourcequotas/status",
            "services/status",
        ],
    ),
    (
        "apps",
        &[
            "controllerrevisions",
            "daemonsets/status",
            "deployments/status",
            "replicasets/status",
            "statefulsets/status",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers/status"]),
    ("batch", &["cronjobs/status", "jobs/status"]),
    ("discovery.k8s.io", &["endpointslices"]),
    ("networking.k8s.io", &["ingresses/status"]),
    ("policy", &["poddisruptionbudgets/status"]),
];

fn rules(verbs: &[&str], table: &[(&str, &[&str])]) -> Vec<Rule> {
    table.iter().map(|(group, resources)| Rule::new(verbs, group, resources)).collect()
}

fn view() -> Vec<Rule> {
    [rules(READ, WORK), rules(READ, SEEN)].concat()
}

fn edit() -> Vec<Rule> {
    let reach = ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"];
    let own = vec![
        Rule::new(READ, "", &reach),
        Rule::new(READ, "", &["secrets"]),
        Rule::new(&["impersonate"], "", &["serviceaccounts"]),
        Rule::new(WRITE, "", &reach),
        Rule::new(WRITE, "", &["secrets", "events"]),
        Rule::new(&["create"], "", &["pods/eviction", "serviceaccounts/token"]),
        Rule::new(
            &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            "coordination.k8s.io",
            &["leases"],
        ),
    ];
    [own, rules(WRITE, WORK)].concat()
}

fn admin() -> Vec<Rule> {
    vec![
        Rule::new(&["create"], "authorization.k8s.io", &["localsubjectaccessreviews"]),
        Rule::new(MANAGE, GROUP, &["rolebindings", "roles"]),
    ]
}

fn node() -> Vec<Rule> {
    vec![
        Rule::new(&["create"], "authentication.k8s.io", &["tokenreviews"]),
        Rule::new(
            &["create"],
            "authorization.k8s.io",
            &["localsubjectaccessreviews", "subjectaccessreviews"],
        ),
        Rule::new(READ, "", &["services", "configmaps", "secrets"]),
        Rule::new(&["create", "get", "list", "watch", "update", "patch", "delete"], "", &["nodes"]),
        Rule::new(&["patch", "update"], "", &["nodes/status", "pods/status"]),
        Rule::new(&["create", "patch", "update"], "", &["events"]),
        Rule::new(&["get", "list", "watch", "create", "delete"], "", &["pods"]),
        Rule::new(&["create"], "", &["pods/eviction", "serviceaccounts/token"]),
        Rule::new(&["get"], "", &["serviceaccounts"]),
        Rule::new(
            &["create", "delete", "get", "patch", "update"],
            "coordination.k8s.io",
            &["leases"],
        ),
        Rule::new(READ, "node.k8s.io", &["runtimeclasses"]),
    ]
}

fn basic_user() -> Vec<Rule> {
    vec![
        Rule::new(
            &["create"],
            "authorization.k8s.io",
            &["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        ),
        Rule::new(&["create"], "authentication.k8s.io", &["selfsubjectreviews"]),
    ]
}

fn discovery() -> Vec<Rule> {
    vec![Rule::paths(&[
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ])]
}

fn public_info() -> Vec<Rule> {
    vec![Rule::paths(&["/healthz", "/livez", "/readyz", "/version", "/version/"])]
}

fn role(name: &str, rules: &[Rule], labels: &[(&str, &str)]) -> Value {
    let mut role = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole",
        "metadata": {
            "name": name, "annotations": { (AUTOUPDATE): "true" },
            "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
        },
        "rules": rules,
    });
    for (key, value) in labels {
        role["metadata"]["labels"][*key] = json!(value);
    }
    role
}

/// A role with the rules of all that are labelled for it.
fn gathering(name: &str, also_in: &[(&str, &str)]) -> Value {
    let mut role = role(name, &[], also_in);
    let label = format!("{GROUP}/aggregate-to-{name}");
    role["aggregationRule"] =
        json!({ "clusterRoleSelectors": [{ "matchLabels": { (label): "true" } }] });
    role
}

fn binding(role: &str, groups: &[&str]) -> Value {
    let group = |name: &&str| json!({ "kind": "Group", "apiGroup": GROUP, "name": name });
    json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRoleBinding",
        "metadata": {
            "name": role, "annotations": { (AUTOUPDATE): "true" },
            "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
        },
        "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": role },
        "subjects": groups.iter().map(group).collect::<Vec<_>>(),
    })
}

/// All of them.
fn all() -> Vec<Value> {
    let to_admin = ("rbac.authorization.k8s.io/aggregate-to-admin", "true");
    let to_edit = ("rbac.authorization.k8s.io/aggregate-to-edit", "true");
    let to_view = ("rbac.authorization.k8s.io/aggregate-to-view", "true");
    vec![
        role("cluster-admin", &Rule::everything(), &[]),
        gathering("admin", &[]),
        gathering("edit", &[to_admin]),
        gathering("view", &[to_edit]),
        role("system:aggregate-to-admin", &admin(), &[to_admin]),
        role("system:aggregate-to-edit", &edit(), &[to_edit]),
        role("system:aggregate-to-view", &view(), &[to_view]),
        role("system:basic-user", &basic_user(), &[]),
        role("system:discovery", &discovery(), &[]),
        role("system:public-info-viewer", &public_info(), &[]),
        role("system:node", &node(), &[]),
        binding("cluster-admin", &["system:masters"]),
        binding("system:basic-user", &["system:authenticated"]),
        binding("system:discovery", &["system:authenticated"]),
        binding("system:public-info-viewer", &["system:authenticated", "system:unauthenticated"]),
        binding("system:node", &["system:nodes"]),
    ]
}

/// Creates what is missing and extends what allows less than it should.
pub(super) async fn run(objects: &Objects) -> Result<(), Error> {
    for wanted in all() {
        let wanted = Object::from_value(wanted).map_err(|fault| Error::Malformed {
            what: "a role that every cluster has".to_owned(),
            message: fault.to_string(),
        })?;
        ensure(objects, &wanted).await?;
    }
    Ok(())
}

async fn ensure(objects: &Objects, wanted: &Object) -> Result<(), Error> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let outcome = match objects.get(&wanted.group_kind(), &wanted.key()).await {
            Ok(live) => match extended(&live, wanted) {
                Some(next) => objects.update(next).await.map(drop),
                None => return Ok(()),
            },
            Err(Error::NotFound { .. }) => objects.create(wanted.clone()).await.map(drop),
            Err(error) => Err(error),
        };
        match outcome {
            Err(error @ (Error::AlreadyExists { .. } | Error::Conflict { .. })) => {
                last = Some(error);
            }
            outcome => return outcome,
        }
    }
    last.map_or(Ok(()), Err)
}

/// The object with what it lacks; `None` if it lacks nothing or is to be left alone.
fn extended(live: &Object, wanted: &Object) -> Option<Object> {
    if live.metadata.annotations.get(AUTOUPDATE).is_some_and(|text| text == "false") {
        return None;
    }
    let mut next = live.clone();
    let lacks = missing(&rules_of(live)?, &rules_of(wanted)?);
    if !lacks.is_empty() && !wanted.body.contains_key("aggregationRule") {
        let rules = next.body.entry("rules").or_insert_with(|| json!([]));
        rules.as_array_mut()?.extend(lacks.iter().map(|rule| json!(rule)));
    }
    let wanted = wanted.body.get("subjects").and_then(Value::as_array).into_iter().flatten();
    for subject in wanted {
        let subjects = next.body.entry("subjects").or_insert_with(|| json!([]));
        let subjects = subjects.as_array_mut()?;
        if !subjects.contains(subject) {
            subjects.push(subject.clone());
        }
    }
    (next != *live).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Action, Policy, User, Verdict};

    fn policy(more: &[Value]) -> Policy {
        let objects: Vec<Object> = all()
            .into_iter()
            .chain(more.to_vec())
            .map(|it| Object::from_value(it).unwrap())
            .collect();
        Policy::new(&objects)
    }

    #[test]
    fn all_of_them_are_valid() {
        let registry = quorate_kinds::registry();
        for value in all() {
            let mut object = Object::from_value(value).unwrap();
            let info = registry.resolve(&object.api_version, &object.kind).unwrap();
            (info.check)(&object).unwrap();
            info.fill(&mut object);
            assert!(info.faults(&object, None).is_empty(), "{}", object.metadata.name);
            (info.name_rule)(&object.metadata.name).unwrap();
        }
    }

    #[test]
    fn who_edits_may_what_who_views_may_and_so_on() {
        let bound = |role: &str| {
            json!({ "apiVersion": format!("{GROUP}/v1"), "kind": "RoleBinding",
                "metadata": { "name": role, "namespace": "shop" },
                "roleRef": { "kind": "ClusterRole", "name": role },
                "subjects": [{ "kind": "User", "name": role }] })
        };
        let policy = policy(&["view", "edit", "admin", "cluster-admin"].map(bound));
        let may = |user: &str, verb: &str, group: &str, resource: &str| {
            let action = Action::resource(verb, group, resource).in_namespace("shop");
            matches!(policy.decide(&User::new(user), &action), Verdict::Allow(_))
        };
        let cases: [(&str, &str, &str, &[&str]); 6] = [
            ("list", "", "pods", &["view", "edit", "admin"]),
            ("list", "apps", "deployments", &["view", "edit", "admin"]),
            ("create", "apps", "deployments", &["edit", "admin"]),
            ("get", "", "secrets", &["edit", "admin"]),
            ("create", GROUP, "rolebindings", &["admin"]),
            ("create", "", "nodes", &[]),
        ];
        for (verb, group, resource, who) in cases {
            for user in ["view", "edit", "admin", "cluster-admin", "nobody"] {
                let expected = who.contains(&user) || user == "cluster-admin";
                assert_eq!(may(user, verb, group, resource), expected, "{user} {verb} {resource}");
            }
        }
    }

    #[test]
    fn what_was_taken_away_comes_back_unless_it_is_to_stay_so() {
        let wanted = Object::from_value(role("r", &basic_user(), &[])).unwrap();
        assert_eq!(extended(&wanted, &wanted), None);
        let mut less = wanted.clone();
        less.body["rules"].as_array_mut().unwrap().remove(0);
        let back = extended(&less, &wanted).unwrap();
        assert!(missing(&rules_of(&back).unwrap(), &rules_of(&wanted).unwrap()).is_empty());
        less.metadata.annotations.insert(AUTOUPDATE.to_owned(), "false".to_owned());
        assert_eq!(extended(&less, &wanted), None);
        let wanted = Object::from_value(binding("r", &["a", "b"])).unwrap();
        let mut less = wanted.clone();
        less.body["subjects"].as_array_mut().unwrap().remove(0);
        assert_eq!(extended(&less, &wanted).unwrap().body["subjects"].as_array().unwrap().len(), 2);
    }
}
