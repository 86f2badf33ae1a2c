//! Laws of apply, for random managers and configurations.

use super::extract::extract;
use super::tests::{by, of, schemas};
use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A configuration without empty lists: who owns an empty list owns nothing that others could share.
fn config() -> impl Strategy<Value = Value> {
    let parts = proptest::collection::btree_map("[a-c]", proptest::option::of("[x-z]"), 0..3);
    let tags = proptest::collection::btree_set("[a-c]", 0..3);
    let words = proptest::collection::vec("[a-c]", 0..3);
    (proptest::option::of(0..3i64), parts, tags, words).prop_map(|(size, parts, tags, words)| {
        let parts: Vec<Value> = parts.into_iter().map(|(name, image)| part(&name, image)).collect();
        let mut spec = Map::new();
        if let Some(size) = size {
            spec.insert("size".into(), json!(size));
        }
        let lists = [("parts", json!(parts)), ("tags", json!(tags)), ("words", json!(words))];
        for (name, list) in lists.into_iter().filter(|(_, list)| *list != json!([])) {
            spec.insert(name.into(), list);
        }
        if spec.is_empty() { json!({}) } else { json!({ "spec": spec }) }
    })
}

fn part(name: &str, image: Option<String>) -> Value {
    match image {
        Some(image) => json!({ "name": name, "image": image }),
        None => json!({ "name": name }),
    }
}

fn steps() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let who = prop_oneof![Just("one"), Just("two"), Just("three")];
    proptest::collection::vec((who, config()), 1..8)
}

type State = (Value, Vec<ManagedFields>);

fn run(steps: &[(&'static str, Value)]) -> State {
    let schemas = schemas();
    let mut state: State = (Value::Null, Vec::new());
    for (who, config) in steps {
        let (live, entries) = state;
        let applied = apply(entries, &live, config, of(&schemas), &by(who), true);
        state = applied.expect("what is forced has no conflicts");
    }
    state
}

proptest! {
    #[test]
    fn what_was_applied_last_is_there(steps in steps()) {
        let schemas = schemas();
        let (live, _) = run(&steps);
        let (_, last) = steps.last().expect("there is one");
        let mut wanted = extract(last, of(&schemas));
        wanted.here = false;
        let missing = wanted.difference(&extract(&live, of(&schemas)));
        prop_assert!(missing.paths().is_empty(), "{live} lacks {:?}", missing.paths());
        if let Some(words) = last.pointer("/spec/words") {
            prop_assert_eq!(live.pointer("/spec/words"), Some(words));
        }
    }

    #[test]
    fn applying_again_changes_nothing(mut steps in steps()) {
        let once = run(&steps);
        steps.push(steps.last().cloned().expect("there is one"));
        prop_assert_eq!(run(&steps), once);
    }

    #[test]
    fn nobody_owns_what_is_not_there(steps in steps()) {
        let schemas = schemas();
        let (live, entries) = run(&steps);
        let there = extract(&live, of(&schemas));
        for entry in entries {
            let dangling = entry.set().difference(&there);
            prop_assert!(dangling.is_empty(), "{}: {:?} in {live}", entry.manager, dangling.paths());
        }
    }

    #[test]
    fn what_everybody_takes_back_is_gone(mut steps in steps()) {
        let managers: BTreeSet<&str> = steps.iter().map(|(who, _)| *who).collect();
        steps.extend(managers.into_iter().map(|who| (who, json!({}))));
        prop_assert_eq!(run(&steps), (json!({}), Vec::new()));
    }

    #[test]
    fn other_writes_own_all_that_they_bring(old in config(), new in config()) {
        let schemas = schemas();
        let entries = write(Vec::new(), &Value::Null, &old, of(&schemas), &by("one"));
        let entries = write(entries, &old, &new, of(&schemas), &by("two"));
        let all = entries.iter().fold(FieldSet::default(), |all, entry| all.union(&entry.set()));
        let mut brought = extract(&new, of(&schemas));
        brought.here = false;
        let missing = brought.difference(&all);
        prop_assert!(missing.is_empty(), "{:?}", missing.paths());
    }
}
