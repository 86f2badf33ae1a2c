use super::*;
use crate::GroupKind;
use crate::schema::Schemas;
use serde_json::{Value, json};

#[test]
fn json_patch_runs_all_operations_or_none() {
    let document = json!({ "a": [1, 2], "b/c": { "d": true } });
    let check = |patch: Value| json_patch(&document, &patch);
    let patched = check(json!([
        { "op": "add", "path": "/a/1", "value": 7 },
        { "op": "add", "path": "/a/-", "value": 8 },
        { "op": "move", "from": "/b~1c/d", "path": "/e" },
        { "op": "copy", "from": "/e", "path": "/f" },
        { "op": "test", "path": "/f", "value": true },
        { "op": "remove", "path": "/a/0" },
        { "op": "replace", "path": "/e", "value": null },
    ]));
    assert_eq!(patched, Ok(json!({ "a": [7, 2, 8], "b/c": {}, "e": null, "f": true })));
    let refused = [
        json!([{ "op": "remove", "path": "/x" }]),
        json!([{ "op": "replace", "path": "/x", "value": 1 }]),
        json!([{ "op": "add", "path": "/a/01", "value": 1 }]),
        json!([{ "op": "add", "path": "/a/9", "value": 1 }]),
        json!([{ "op": "test", "path": "/a/0", "value": 2 }]),
    ];
    for patch in refused {
        assert!(matches!(check(patch.clone()), Err(PatchError::Inapplicable(_))), "{patch}");
    }
    let malformed = [
        json!({}),
        json!([{ "op": "grow", "path": "/a" }]),
        json!([{ "op": "add", "path": "a", "value": 1 }]),
        json!([{ "op": "move", "from": "/b~1c", "path": "/b~1c/d" }]),
    ];
    for patch in malformed {
        assert!(matches!(check(patch.clone()), Err(PatchError::Malformed(_))), "{patch}");
    }
}

#[test]
fn merge_patch_follows_the_examples_of_its_rfc() {
    let cases = [
        (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
        (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
        (json!({"a":"foo"}), json!("bar"), json!("bar")),
        (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
        (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
        (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
    ];
    for (mut document, patch, expected) in cases {
        merge_patch(&mut document, &patch);
        assert_eq!(document, expected, "{patch}");
    }
}

fn strategic(document: Value, patch: Value) -> Result<Value, PatchError> {
    let text = json!({ "type": "string" });
    let mut schemas = Schemas::new();
    let list = |items: Value, key: Option<&str>| {
        let mut list =
            json!({ "type": "array", "items": items, "x-kubernetes-patch-strategy": "merge" });
        if let Some(key) = key {
            list["x-kubernetes-patch-merge-key"] = json!(key);
        }
        list
    };
    let item = json!({ "properties": { "name": text, "image": text } });
    schemas.add(
        "Box",
        json!({ "properties": {
            "parts": list(item, Some("name")), "tags": list(text.clone(), None),
            "words": { "type": "array", "items": text }, "how": { "properties": {} },
        } }),
    );
    let kind = GroupKind::new("", "Box");
    schemas.root(kind.clone(), "Box");
    strategic_patch(&document, &patch, schemas.of(&kind))
}

#[test]
fn strategic_patch_merges_items_and_obeys_directives() {
    let parts =
        || json!({ "parts": [{ "name": "a", "image": "1" }, { "name": "b" }], "words": ["x"] });
    let cases = [
        (
            json!({ "parts": [{ "name": "b", "image": "2" }, { "name": "c" }], "words": ["y"] }),
            json!({ "parts": [{ "name": "a", "image": "1" }, { "name": "b", "image": "2" }, { "name": "c" }], "words": ["y"] }),
        ),
        (
            json!({ "parts": [{ "name": "a", "$patch": "delete" }], "words": null }),
            json!({ "parts": [{ "name": "b" }] }),
        ),
        (
            json!({ "parts": [{ "$patch": "replace" }, { "name": "z" }] }),
            json!({ "parts": [{ "name": "z" }], "words": ["x"] }),
        ),
        (
            json!({ "$setElementOrder/parts": [{ "name": "b" }, { "name": "a" }] }),
            json!({ "parts": [{ "name": "b" }, { "name": "a", "image": "1" }], "words": ["x"] }),
        ),
        (json!({ "$patch": "replace", "words": ["z"] }), json!({ "words": ["z"] })),
        (json!({ "$retainKeys": ["words"], "words": ["z"] }), json!({ "words": ["z"] })),
    ];
    for (patch, expected) in cases {
        assert_eq!(strategic(parts(), patch.clone()), Ok(expected), "{patch}");
    }
    let tags = strategic(
        json!({ "tags": ["a", "b"] }),
        json!({ "tags": ["c"], "$deleteFromPrimitiveList/tags": ["a"] }),
    );
    assert_eq!(tags, Ok(json!({ "tags": ["c", "b"] })));
    assert!(strategic(parts(), json!({ "parts": [{ "image": "1" }] })).is_err(), "no merge key");
    assert!(strategic(parts(), json!({ "$patch": "grow" })).is_err());
}
