use super::*;
use crate::GroupKind;
use crate::schema::{Schema, Schemas};
use serde_json::{Value, json};

pub(super) fn schemas() -> Schemas {
    let mut schemas = Schemas::new();
    let text = json!({ "type": "string" });
    let item = json!({ "type": "object", "properties": { "name": text, "image": text } });
    let parts = json!({
        "type": "array", "items": item,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
    });
    let spec = json!({ "type": "object", "properties": {
        "size": { "type": "integer" }, "parts": parts,
        "words": { "type": "array", "items": text },
        "tags": { "type": "array", "items": text, "x-kubernetes-list-type": "set" },
    } });
    schemas.add("Box", json!({ "type": "object", "properties": { "spec": spec } }));
    schemas.root(GroupKind::new("", "Box"), "Box");
    schemas
}

pub(super) fn by(name: &str) -> Manager {
    Manager {
        name: name.into(),
        api_version: "v1".into(),
        subresource: String::new(),
        now: "2026-01-01T00:00:00Z".into(),
    }
}

pub(super) fn of(schemas: &Schemas) -> Option<Schema<'_>> {
    schemas.of(&GroupKind::new("", "Box"))
}

#[test]
fn what_an_applier_no_longer_says_goes_unless_another_owns_it() {
    let schemas = schemas();
    let first =
        json!({ "spec": { "size": 1, "parts": [{ "name": "a", "image": "x" }, { "name": "b" }] } });
    let (live, entries) =
        apply(Vec::new(), &Value::Null, &first, of(&schemas), &by("one"), false).unwrap();
    let other = json!({ "spec": { "parts": [{ "name": "b" }] } });
    let (live, entries) = apply(entries, &live, &other, of(&schemas), &by("two"), false).unwrap();
    let next = json!({ "spec": { "parts": [{ "name": "a" }] } });
    let (live, entries) = apply(entries, &live, &next, of(&schemas), &by("one"), false).unwrap();
    assert_eq!(live, json!({ "spec": { "parts": [{ "name": "a" }, { "name": "b" }] } }));
    assert_eq!(entries.len(), 2);
}

#[test]
fn a_changed_field_of_another_is_a_conflict_and_force_takes_it() {
    let schemas = schemas();
    let config = |size: i64| json!({ "spec": { "size": size, "words": ["a"] } });
    let (live, entries) =
        apply(Vec::new(), &Value::Null, &config(1), of(&schemas), &by("one"), false).unwrap();
    let same = apply(entries.clone(), &live, &config(1), of(&schemas), &by("two"), false);
    assert!(same.is_ok(), "the same value is shared");
    let conflicts =
        apply(entries.clone(), &live, &config(2), of(&schemas), &by("two"), false).unwrap_err();
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].manager.as_str(), conflicts[0].path.as_str()), ("one", ".spec.size"));
    let (live, entries) =
        apply(entries, &live, &config(2), of(&schemas), &by("two"), true).unwrap();
    assert_eq!(live["spec"]["size"], 2);
    assert_eq!(entries[0].set().paths(), [".spec.words"], "the first owner lost what was forced");
}

#[test]
fn other_writes_take_what_they_change_and_forget_what_they_remove() {
    let schemas = schemas();
    let old = json!({ "spec": { "size": 1, "tags": ["a", "b"] } });
    let entries = write(Vec::new(), &Value::Null, &old, of(&schemas), &by("one"));
    assert_eq!(
        entries[0].set().paths(),
        [".spec.size", ".spec.tags[=\"a\"]", ".spec.tags[=\"b\"]"]
    );
    let new = json!({ "spec": { "size": 2, "tags": ["b"] } });
    let entries = write(entries, &old, &new, of(&schemas), &by("two"));
    assert_eq!(entries[0].set().paths(), [".spec.tags[=\"b\"]"]);
    assert_eq!(entries[1].set().paths(), [".spec.size"]);
    let again = write(entries.clone(), &new, &new, of(&schemas), &by("two"));
    assert_eq!(again, entries, "a write that changes nothing changes no entry");
}

#[test]
fn the_stored_form_reads_back() {
    let json = json!({ "f:spec": {
        "f:size": {}, "f:parts": { "k:{\"name\":\"a\"}": { ".": {}, "f:image": {} } },
    } });
    assert_eq!(FieldSet::from_json(&json).to_json(), json);
}
