//! Single cases by name, and the whole decision against a model that looks at every object anew.

use super::*;
use crate::access::ResourceAction;
use proptest::prelude::*;
use serde_json::json;

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

fn role(namespace: Option<&str>, name: &str, rules: Value) -> Object {
    let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
    object(json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": { "name": name, "namespace": namespace }, "rules": rules }))
}

fn bind(namespace: Option<&str>, name: &str, role: (&str, &str), subjects: Value) -> Object {
    let kind = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
    object(json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": { "name": name, "namespace": namespace },
        "roleRef": { "kind": role.0, "name": role.1 }, "subjects": subjects }))
}

fn get(namespace: &str, resource: &str) -> Action {
    Action::resource("get", "", resource).in_namespace(namespace).on("x")
}

fn allowed(policy: &Policy, user: &User, action: &Action) -> bool {
    matches!(policy.decide(user, action), Verdict::Allow(_))
}

#[test]
fn a_binding_holds_where_it_is() {
    let pods = json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] }]);
    let alice = json!([{ "kind": "User", "name": "alice" }]);
    let robot = json!([{ "kind": "ServiceAccount", "name": "robot" }]);
    let policy = Policy::new(&[
        role(None, "all", pods.clone()),
        role(Some("a"), "own", pods),
        bind(Some("a"), "1", ("ClusterRole", "all"), alice.clone()),
        bind(Some("b"), "2", ("Role", "own"), alice.clone()),
        bind(Some("a"), "3", ("Role", "own"), robot),
        bind(None, "4", ("ClusterRole", "all"), json!([{ "kind": "Group", "name": "ops" }])),
    ]);
    let user = User::new("alice");
    assert!(allowed(&policy, &user, &get("a", "pods")));
    assert!(!allowed(&policy, &user, &get("b", "pods")), "there is no such role there");
    assert!(!allowed(&policy, &user, &get("", "pods")));
    let Verdict::NoOpinion(reason) = policy.decide(&user, &get("b", "pods")) else { panic!() };
    assert_eq!(reason, "RBAC: role.rbac.authorization.k8s.io \"own\" not found");
    let Verdict::Allow(reason) = policy.decide(&user, &get("a", "pods")) else { panic!() };
    let expected = "RBAC: allowed by RoleBinding \"1/a\" of ClusterRole \"all\" to User \"alice\"";
    assert_eq!(reason, expected);
    assert!(allowed(&policy, &User::service_account("a", "robot"), &get("a", "pods")));
    assert!(!allowed(&policy, &User::service_account("b", "robot"), &get("a", "pods")));
    let ops = User::new("bob").with_group("ops");
    assert!(allowed(&policy, &ops, &get("c", "pods")) && allowed(&policy, &ops, &get("", "pods")));
    assert_eq!(policy.rules(&user, "a").len(), 1);
    assert!(policy.rules(&user, "c").is_empty());
}

#[test]
fn roles_gather_through_steps_and_circles() {
    let gathering = |name: &str, wanted: &str, label: &str| {
        let mut role = role(
            None,
            name,
            json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["stale"] }]),
        );
        role.body.insert(
            "aggregationRule".to_owned(),
            json!({ "clusterRoleSelectors": [{ "matchLabels": { "to": wanted } }] }),
        );
        role.metadata.labels.insert("to".to_owned(), label.to_owned());
        role
    };
    let mut pods =
        role(None, "pods", json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] }]));
    pods.metadata.labels.insert("to".to_owned(), "b".to_owned());
    let mut foreign = role(
        Some("a"),
        "secrets",
        json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["secrets"] }]),
    );
    foreign.metadata.labels.insert("to".to_owned(), "b".to_owned());
    let policy = Policy::new(&[
        gathering("a", "a", "b"),
        gathering("b", "b", "a"),
        pods,
        foreign,
        bind(None, "x", ("ClusterRole", "a"), json!([{ "kind": "User", "name": "alice" }])),
    ]);
    let alice = User::new("alice");
    assert!(allowed(&policy, &alice, &get("", "pods")));
    assert!(!allowed(&policy, &alice, &get("", "stale")), "its own rules do not count");
    assert!(!allowed(&policy, &alice, &get("", "secrets")), "roles of namespaces are not gathered");
}

#[test]
fn what_cannot_be_read_allows_nothing() {
    let policy = Policy::new(&[
        role(None, "odd", json!([{ "verbs": "get" }, 7])),
        bind(None, "a", ("ClusterRole", "odd"), json!([{ "kind": "User", "name": "alice" }])),
        bind(None, "b", ("ClusterRole", "odd"), json!("alice")),
        bind(None, "c", ("ClusterRole", "odd"), json!([7, { "kind": "Robot", "name": "alice" }])),
        object(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" } })),
    ]);
    assert!(!allowed(&policy, &User::new("alice"), &get("", "pods")));
}

static SPACES: [&str; 3] = ["", "a", "b"];
static NAMES: [&str; 2] = ["r1", "r2"];

fn one(all: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(all).prop_map(str::to_owned)
}

fn some(all: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(one(all), 1..3)
}

fn any_rule() -> impl Strategy<Value = Value> {
    let resource = (
        some(&["get", "list", "*"]),
        some(&["", "apps", "*"]),
        some(&["pods", "pods/log", "*/log", "*"]),
        prop::collection::vec(one(&["x", "y"]), 0..2),
    );
    let resource = resource.prop_map(|(verbs, groups, resources, names)| {
        json!({ "verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names })
    });
    let path = (some(&["get", "*"]), some(&["/a", "/a/*", "*"]));
    prop_oneof![4 => resource, 1 => path.prop_map(|(verbs, paths)| json!({ "verbs": verbs, "nonResourceURLs": paths }))]
}

fn any_role() -> impl Strategy<Value = Object> {
    let space = prop::sample::select(&SPACES[..]);
    let name = prop::sample::select(&NAMES[..]);
    (space, name, prop::collection::vec(any_rule(), 0..3)).prop_map(|(space, name, rules)| {
        role(Some(space).filter(|it| !it.is_empty()), name, json!(rules))
    })
}

fn any_subject() -> impl Strategy<Value = Value> {
    prop_oneof![
        one(&["alice", "bob", "system:serviceaccount:a:robot"])
            .prop_map(|name| json!({ "kind": "User", "name": name })),
        one(&["ops", "dev"]).prop_map(|name| json!({ "kind": "Group", "name": name })),
        (one(&["robot"]), one(&["", "a", "b"])).prop_map(
            |(name, space)| json!({ "kind": "ServiceAccount", "name": name, "namespace": space })
        ),
    ]
}

fn any_binding() -> impl Strategy<Value = Object> {
    let space = prop::sample::select(&SPACES[..]);
    let name = prop::sample::select(&NAMES[..]);
    let subjects = prop::collection::vec(any_subject(), 0..3);
    (space, name, any::<bool>(), 0..1000u32, subjects).prop_map(
        |(space, role, own, number, subjects)| {
            let kind = if own && !space.is_empty() { "Role" } else { "ClusterRole" };
            let space = Some(space).filter(|it| !it.is_empty());
            bind(space, &format!("b{number}"), (kind, role), json!(subjects))
        },
    )
}

fn any_user() -> impl Strategy<Value = User> {
    let name = one(&[
        "alice",
        "bob",
        "carol",
        "system:serviceaccount:a:robot",
        "system:serviceaccount:b:robot",
    ]);
    (name, prop::collection::vec(one(&["ops", "dev"]), 0..2))
        .prop_map(|(name, groups)| User { groups, ..User::new(name) })
}

fn any_action() -> impl Strategy<Value = Action> {
    let resource = (
        one(&["get", "list"]),
        one(&["", "apps"]),
        one(&["pods", "jobs"]),
        one(&["", "log"]),
        one(&["", "a", "b"]),
        one(&["", "x", "y"]),
    );
    let resource = resource.prop_map(|(verb, group, resource, subresource, namespace, name)| {
        let version = "v1".to_owned();
        let target = ResourceAction { group, version, resource, subresource, namespace, name };
        Action { verb, target: Target::Resource(target) }
    });
    let path = (one(&["get", "post"]), one(&["/a", "/a/b", "/b"]));
    prop_oneof![5 => resource, 1 => path.prop_map(|(verb, path)| Action::path(&verb, path))]
}

/// The rules in words of the documentation, over plain JSON and without any index.
fn model(objects: &[Object], user: &User, action: &Action) -> bool {
    objects.iter().filter(|it| it.kind.ends_with("Binding")).any(|binding| {
        let space = binding.metadata.namespace.clone();
        let here = match (&action.target, &space) {
            (_, None) => true,
            (Target::Path(_), Some(_)) => false,
            (Target::Resource(target), Some(space)) => target.namespace == *space,
        };
        let names = binding.body["subjects"].as_array().unwrap().iter().any(|subject| {
            let text = |field: &str| subject[field].as_str().unwrap_or_default().to_owned();
            match subject["kind"].as_str().unwrap() {
                "User" => text("name") == user.name,
                "Group" => user.groups.contains(&text("name")),
                _ => {
                    let own = match text("namespace") {
                        own if own.is_empty() => space.clone().unwrap_or_default(),
                        own => own,
                    };
                    !own.is_empty()
                        && user.name == format!("system:serviceaccount:{own}:{}", text("name"))
                }
            }
        });
        // Of two roles of one name the later one is meant.
        let role = objects.iter().rev().find(|role| {
            let own = binding.body["roleRef"]["kind"] == "Role";
            role.kind == binding.body["roleRef"]["kind"].as_str().unwrap()
                && role.metadata.name == binding.body["roleRef"]["name"].as_str().unwrap()
                && (!own || role.metadata.namespace == space)
        });
        here && names
            && role.is_some_and(|role| {
                role.body["rules"].as_array().unwrap().iter().any(|rule| fits(rule, action))
            })
    })
}

fn fits(rule: &Value, action: &Action) -> bool {
    let list = |field: &str| -> Vec<String> {
        rule[field]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| it.as_str().unwrap().to_owned())
            .collect()
    };
    let among = |field: &str, text: &str| list(field).iter().any(|it| it == "*" || it == text);
    if !among("verbs", &action.verb) {
        return false;
    }
    match &action.target {
        Target::Path(path) => list("nonResourceURLs").iter().any(|rule| {
            rule == path || (rule.ends_with('*') && path.starts_with(rule.trim_end_matches('*')))
        }),
        Target::Resource(target) => {
            let whole = match target.subresource.as_str() {
                "" => target.resource.clone(),
                part => format!("{}/{part}", target.resource),
            };
            let any = format!("*/{}", target.subresource);
            let named = list("resources")
                .iter()
                .any(|it| *it == whole || it == "*" || (*it == any && any != "*/"));
            let names = list("resourceNames");
            among("apiGroups", &target.group)
                && named
                && (names.is_empty() || names.contains(&target.name))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decisions_are_those_of_the_model(
        roles in prop::collection::vec(any_role(), 0..6),
        bindings in prop::collection::vec(any_binding(), 0..8),
        asked in prop::collection::vec((any_user(), any_action()), 1..8)
    ) {
        let objects = [roles, bindings].concat();
        let policy = Policy::new(&objects);
        for (user, action) in asked {
            let allowed = matches!(policy.decide(&user, &action), Verdict::Allow(_));
            prop_assert_eq!(allowed, model(&objects, &user, &action), "{:?} {}", user, action);
            // The rules that reviews tell say the same.
            let space = match &action.target {
                Target::Resource(target) => target.namespace.as_str(),
                Target::Path(_) => "",
            };
            let told = policy.rules(&user, space).iter().any(|rule| rule.allows(&action));
            prop_assert_eq!(told, allowed);
        }
    }
}
