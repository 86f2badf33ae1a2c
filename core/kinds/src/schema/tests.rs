use super::*;
use quorate_resources::schema::{ListType, prune};

#[test]
fn every_built_in_kind_has_a_schema_and_no_reference_leads_nowhere() {
    let schemas = schemas();
    for info in crate::registry().kinds() {
        assert!(schemas.of(&info.group_kind()).is_some(), "{}", info.kind);
    }
    let text = serde_json::to_string(schemas.components()).unwrap();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let name = reference.split('"').next().unwrap().strip_prefix(REFERENCE).unwrap();
        assert!(schemas.components().contains_key(name), "{name}");
    }
}

#[test]
fn lists_say_how_they_merge() {
    let schemas = schemas();
    let kind = GroupKind::new("apps", "Deployment");
    let field = |path: &str| {
        path.split('.').fold(schemas.of(&kind).unwrap(), |at, name| {
            at.field(name).unwrap_or_else(|| panic!("{path}: {name}"))
        })
    };
    let containers = field("spec.template.spec.containers");
    assert_eq!(containers.merge_key(), Some("name"));
    assert_eq!(containers.list_type(), ListType::Map(vec!["name".to_owned()]));
    assert_eq!(containers.item().unwrap().field("env").unwrap().merge_key(), Some("name"));
    assert!(field("spec.strategy").has_strategy("retainKeys"));
    assert!(field("spec.selector").is_atomic_map());
    assert_eq!(field("metadata.finalizers").list_type(), ListType::Set);
    assert!(field("metadata.labels").field("anything").is_some());
}

#[test]
fn unknown_fields_are_found_by_path_and_removed() {
    let schemas = schemas();
    let schema = schemas.of(&GroupKind::new("", "Pod")).unwrap();
    let mut pod = json!({ "spec": { "containers": [{ "name": "a", "imagee": "x" }], "foo": 1 } });
    assert_eq!(prune(schema, &mut pod), ["spec.containers[0].imagee", "spec.foo"]);
    assert_eq!(pod, json!({ "spec": { "containers": [{ "name": "a" }] } }));
}
