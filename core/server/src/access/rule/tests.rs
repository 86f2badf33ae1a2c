use super::*;
use proptest::prelude::*;

fn action(text: &str) -> Action {
    let words: Vec<&str> = text.split(' ').collect();
    let (resource, part) = words[2].split_once('/').unwrap_or((words[2], ""));
    let group = if words[1] == "-" { "" } else { words[1] };
    Action::resource(words[0], group, resource).part(part).on(words.get(3).unwrap_or(&""))
}

#[test]
fn a_rule_allows_what_it_names_and_nothing_else() {
    let rule = |verb: &str, group: &str, resource: &str, names: &[&str]| Rule {
        resource_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Rule::new(&[verb], group, &[resource])
    };
    let cases = [
        (rule("get", "", "pods", &[]), "get - pods x", true),
        (rule("get", "", "pods", &[]), "list - pods", false),
        (rule("get", "", "pods", &[]), "get apps pods", false),
        (rule("get", "", "pods", &[]), "get - pods/log x", false),
        (rule("get", "", "pods/log", &[]), "get - pods/log x", true),
        (rule("get", "", "pods/log", &[]), "get - pods x", false),
        (rule("get", "", "*/log", &[]), "get - pods/log x", true),
        (rule("get", "", "*/log", &[]), "get - pods x", false),
        (rule("*", "*", "*", &[]), "escalate apps deployments/scale x", true),
        (rule("get", "", "pods", &["x"]), "get - pods x", true),
        (rule("get", "", "pods", &["x"]), "get - pods y", false),
        (rule("get", "", "pods", &["x"]), "get - pods", false),
        (rule("get", "", "pods", &[""]), "get - pods", false),
    ];
    for (rule, text, expected) in cases {
        assert_eq!(rule.allows(&action(text)), expected, "{rule} {text}");
    }
    assert!(!Rule::everything()[0].allows(&Action::path("get", "/api")));
    let paths = Rule::paths(&["/logs/*", "/version"]);
    for (path, expected) in
        [("/logs/a/b", true), ("/logs", false), ("/version", true), ("/version/x", false)]
    {
        assert_eq!(paths.allows(&Action::path("get", path)), expected, "{path}");
    }
    assert!(!paths.allows(&Action::path("post", "/version")));
}

#[test]
fn what_is_missing_is_told_as_kubernetes_tells_it() {
    let own = [Rule::new(&["get", "list"], "", &["pods", "services"])];
    let wanted = [Rule::new(&["get", "create", "delete"], "", &["pods"]), Rule::paths(&["/x"])];
    let told: Vec<String> = missing(&own, &wanted).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["create" "delete"]}"#,
            r#"{NonResourceURLs:["/x"], Verbs:["get"]}"#,
        ]
    );
    let many: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let huge =
        Rule { verbs: many.clone(), api_groups: many.clone(), resources: many, ..Rule::default() };
    assert_eq!(missing(&own, std::slice::from_ref(&huge)).len(), 1, "too much to be looked at");
    assert!(missing(&Rule::everything(), &[huge]).is_empty());
}

fn texts(all: &'static [&'static str], least: usize) -> impl Strategy<Value = Vec<String>> {
    let one = prop::sample::select(all).prop_map(str::to_owned);
    prop::collection::vec(one, least..3)
}

fn rule() -> impl Strategy<Value = Rule> {
    let resources = (
        texts(&["get", "list", "*"], 1),
        texts(&["", "apps", "*"], 1),
        texts(&["pods", "pods/log", "*/log", "*"], 1),
        texts(&["x", "y"], 0),
    );
    let resources = resources.prop_map(|(verbs, api_groups, resources, resource_names)| Rule {
        verbs,
        api_groups,
        resources,
        resource_names,
        paths: Vec::new(),
    });
    let paths = (texts(&["get", "list", "*"], 1), texts(&["/a", "/a/*", "/a/b", "*"], 1));
    let paths = paths.prop_map(|(verbs, paths)| Rule { verbs, paths, ..Rule::default() });
    prop_oneof![3 => resources, 1 => paths]
}

fn actions() -> Vec<Action> {
    let mut all = Vec::new();
    for verb in ["get", "list", "watch"] {
        for group in ["", "apps", "batch"] {
            for (resource, part) in [("pods", ""), ("pods", "log"), ("jobs", ""), ("jobs", "log")] {
                for name in ["", "x", "y", "z"] {
                    all.push(Action::resource(verb, group, resource).part(part).on(name));
                }
            }
        }
        for path in ["/a", "/a/", "/a/b", "/a/c", "/b"] {
            all.push(Action::path(verb, path));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The heart of the escalation check: if nothing is missing, nothing new is allowed.
    #[test]
    fn who_misses_nothing_of_some_rules_may_all_that_they_allow(
        own in prop::collection::vec(rule(), 0..5), wanted in prop::collection::vec(rule(), 1..3)
    ) {
        let allows = |rules: &[Rule], action: &Action| rules.iter().any(|rule| rule.allows(action));
        if missing(&own, &wanted).is_empty() {
            for action in actions() {
                prop_assert!(!allows(&wanted, &action) || allows(&own, &action), "{}", action);
            }
        }
        // What is missing is enough.
        let both = [own, missing(&[], &wanted)].concat();
        prop_assert!(missing(&both, &wanted).is_empty());
        prop_assert!(missing(&wanted, &wanted).is_empty());
    }
}
