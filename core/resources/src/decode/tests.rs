use super::*;
use crate::FieldReason;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Widget {
    spec: Spec,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    image_name: Option<String>,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default)]
    sizes: BTreeMap<String, i32>,
    colour: Option<Colour>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Colour {
    Red,
    Mixed { red: u8 },
}

fn check(spec: &Value) -> Result<Widget, FieldError> {
    let value = json!({ "apiVersion": "x/v1", "kind": "Widget", "metadata": {}, "spec": spec });
    object(&Object::from_value(value).unwrap(), Fields::KnownOnly)
}

#[test]
fn every_shape_of_serde_decodes() {
    let widget = check(&json!({ "imageName": "a", "parts": [{ "port": 1 }], "sizes": { "x": 2 },
        "colour": { "Mixed": { "red": 3 } } }));
    let spec = widget.unwrap().spec;
    assert_eq!(spec.parts, [Part { port: 1 }]);
    assert_eq!(spec.sizes["x"], 2);
    assert_eq!(spec.colour, Some(Colour::Mixed { red: 3 }));
    assert_eq!(check(&json!({ "colour": "Red" })).unwrap().spec.colour, Some(Colour::Red));
    assert_eq!(check(&json!({ "imageName": null })).unwrap().spec.image_name, None);
}

#[test]
fn a_fault_is_named_by_its_full_path() {
    let cases = [
        (json!({ "imageNme": "a" }), "spec.imageNme", FieldReason::Unknown, "\"imageName\""),
        (json!({ "imageName": 7 }), "spec.imageName", FieldReason::Type, "string"),
        (
            json!({ "parts": [{ "port": 1 }, { "port": "a" }] }),
            "spec.parts[1].port",
            FieldReason::Type,
            "u16",
        ),
        (
            json!({ "parts": [{ "port": 70000 }] }),
            "spec.parts[0].port",
            FieldReason::Invalid,
            "70000",
        ),
        (
            json!({ "parts": [{ "port": 1, "prt": 2 }] }),
            "spec.parts[0].prt",
            FieldReason::Unknown,
            "\"port\"",
        ),
        (json!({ "parts": [{}] }), "spec.parts[0]", FieldReason::Required, "port"),
        (json!({ "sizes": { "a.b": "x" } }), "spec.sizes[\"a.b\"]", FieldReason::Type, "i32"),
        (
            json!({ "colour": { "Mixed": { "rd": 3 } } }),
            "spec.colour.Mixed.rd",
            FieldReason::Unknown,
            "\"red\"",
        ),
    ];
    for (spec, path, reason, words) in cases {
        let error = check(&spec).unwrap_err();
        assert_eq!((error.path.as_str(), error.reason), (path, reason), "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[test]
fn top_level_fields_are_known_too() {
    let value = json!({ "apiVersion": "x/v1", "kind": "Widget", "spc": {}, "spec": {} });
    let object_with_typo = Object::from_value(value).unwrap();
    let error = object::<Widget>(&object_with_typo, Fields::KnownOnly).unwrap_err();
    assert_eq!(error.path, "spc");
    assert!(object::<Widget>(&object_with_typo, Fields::AnyAllowed).is_ok());
}

#[derive(Clone, Debug, Deserialize)]
struct Tree {
    #[serde(rename = "value")]
    _value: Option<i64>,
    #[serde(default, rename = "children")]
    _children: Vec<Self>,
    #[serde(default, rename = "named")]
    _named: BTreeMap<String, Self>,
}

proptest::proptest! {
    #[test]
    fn a_fault_at_any_depth_is_named_by_the_way_to_it(
        steps in proptest::collection::vec((proptest::bool::ANY, 0usize..3, "[a-z]{1,4}(/[a-z])?"), 0..6),
        is_typo in proptest::bool::ANY,
    ) {
        let (field, bad) = if is_typo { ("valeu", json!(1)) } else { ("value", json!("x")) };
        let (mut value, mut path) = (json!({ field: bad }), Vec::new());
        for (in_list, index, name) in steps.iter().rev() {
            value = if *in_list {
                let mut children = vec![json!({}); *index];
                children.push(value);
                json!({ "children": children })
            } else {
                json!({ "named": { name.as_str(): value, "sibling": {} } })
            };
        }
        for (in_list, index, name) in &steps {
            path.push(if *in_list {
                format!("children[{index}]")
            } else if name.contains('/') {
                format!("named[{name:?}]")
            } else {
                format!("named.{name}")
            });
        }
        path.push(field.to_owned());
        let root = Path::Root("");
        let cursor = Cursor { value: &value, path: &root, fields: Fields::KnownOnly };
        let error = Tree::deserialize(cursor).map_err(DecodeError::into_field_error).unwrap_err();
        proptest::prop_assert_eq!(error.path, path.join("."));
        let reason = if is_typo { FieldReason::Unknown } else { FieldReason::Type };
        proptest::prop_assert_eq!(error.reason, reason);
    }
}
