use super::*;
use proptest::prelude::*;
use serde_json::json;

const KEYS: MergeKeys =
    &[("containers", &["name"]), ("env", &["name"]), ("ports", &["containerPort", "port"])];

#[test]
fn fields_that_the_manifest_dropped_go_and_strangers_stay() {
    let last = json!({ "spec": { "a": 1, "b": 2 } });
    let new = json!({ "spec": { "a": 3 } });
    let live = json!({ "spec": { "a": 1, "b": 2, "c": 4 }, "status": {} });
    let expected = json!({ "spec": { "a": 3, "c": 4 }, "status": {} });
    assert_eq!(three_way(&last, &new, &live, KEYS), expected);
}

#[test]
fn named_items_merge_and_plain_lists_are_replaced() {
    let last = json!({ "containers": [{ "name": "a", "image": "1", "env": [{ "name": "x", "value": "1" }] },
        { "name": "gone" }], "args": [1, 2] });
    let new =
        json!({ "containers": [{ "name": "a", "image": "2" }, { "name": "b" }], "args": [3] });
    let live = json!({ "containers": [{ "name": "side" }, { "name": "a", "image": "1", "pull": "Always",
        "env": [{ "name": "x", "value": "1" }] }, { "name": "gone" }], "args": [1, 2] });
    let expected = json!({ "containers": [{ "name": "a", "image": "2", "pull": "Always" }, { "name": "b" },
        { "name": "side" }], "args": [3] });
    assert_eq!(three_way(&last, &new, &live, KEYS), expected);
}

#[test]
fn an_injected_item_keeps_its_place_so_that_the_same_manifest_changes_nothing() {
    let manifest = json!({ "containers": [{ "name": "a" }, { "name": "b" }] });
    let live =
        json!({ "containers": [{ "name": "side" }, { "name": "a", "x": 1 }, { "name": "b" }] });
    assert_eq!(three_way(&manifest, &manifest, &live, KEYS), live);
}

#[test]
fn lists_whose_key_is_not_unique_are_replaced() {
    let new =
        json!({ "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }] });
    let live = json!({ "ports": [{ "port": 53, "protocol": "TCP", "nodePort": 1 }] });
    assert_eq!(three_way(&Value::Null, &new, &live, KEYS), new);
}

#[test]
fn null_in_the_manifest_removes() {
    let merged = three_way(&Value::Null, &json!({ "a": null }), &json!({ "a": 1, "b": 2 }), KEYS);
    assert_eq!(merged, json!({ "b": 2 }));
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![(0..4i64).prop_map(Value::from), "[a-c]".prop_map(Value::from)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let named =
            (proptest::collection::btree_map("[a-c]", inner.clone(), 0..3)).prop_map(|items| {
                items
                    .into_iter()
                    .map(|(name, value)| json!({ "name": name, "value": value }))
                    .collect()
            });
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            named.prop_map(|list: Vec<Value>| json!({ "containers": list })),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-d]", tree(), 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// Every field of `part` is in `whole`; named items wherever they stand.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, value)| {
            let Some(there) = whole.get(key) else { return false };
            match (key.as_str(), there, value) {
                ("containers", Value::Array(there), Value::Array(items)) => {
                    items.iter().all(|item| there.iter().any(|other| contains(other, item)))
                }
                _ => contains(there, value),
            }
        }),
        _ => whole == part,
    }
}

proptest! {
    #[test]
    fn every_field_of_the_manifest_is_in_the_result(last in object(), new in object(), live in object()) {
        let merged = three_way(&last, &new, &live, KEYS);
        prop_assert!(contains(&merged, &new), "{merged} lacks something of {new}");
    }

    #[test]
    fn merging_again_changes_nothing(last in object(), new in object(), live in object()) {
        let merged = three_way(&last, &new, &live, KEYS);
        prop_assert_eq!(three_way(&new, &new, &merged, KEYS), merged);
    }

    #[test]
    fn a_manifest_that_is_taken_back_leaves_the_live_object(new in object(), live in object()) {
        // What was added on top of strangers' fields goes again, if the two do not overlap.
        let renamed: Map<String, Value> = live.as_object().unwrap().iter()
            .map(|(key, value)| (format!("live-{key}"), value.clone())).collect();
        let live = Value::Object(renamed);
        let merged = three_way(&Value::Null, &new, &live, KEYS);
        prop_assert_eq!(three_way(&new, &json!({}), &merged, KEYS), live);
    }
}
