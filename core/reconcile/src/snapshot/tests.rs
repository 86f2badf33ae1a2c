use super::*;
use crate::testing::{Child, Parent, child, child_kind, parent, parent_kind};
use proptest::prelude::*;
use quorate_types::ObjectKey;
use std::collections::BTreeMap;

fn nick(object: &Object) -> Option<String> {
    object.metadata.labels.get("nick").cloned()
}

fn empty() -> Snapshot {
    Snapshot::empty(Arc::new([Definition { name: "nick", value: nick }]))
}

fn stored(mut object: Object, uid: &str, revision: i64) -> Object {
    object.metadata.uid = Some(Uid::from_stored(uid));
    object.metadata.resource_version = Some(Revision(revision));
    object
}

#[test]
fn an_older_snapshot_does_not_see_later_changes() {
    let mut snapshot = empty();
    let key = ObjectKey::cluster("a");
    snapshot.put(&parent_kind(), key.clone(), stored(parent("a", 1), "u1", 2));
    let before = snapshot.clone();
    snapshot.put(&parent_kind(), key.clone(), stored(parent("a", 5), "u1", 3));
    snapshot.put(&child_kind(), ObjectKey::cluster("b"), stored(child("b", None), "u2", 4));
    assert_eq!(before.get::<Parent>(&key).unwrap().spec.children, 1);
    assert_eq!(snapshot.get::<Parent>(&key).unwrap().spec.children, 5);
    assert_eq!((before.len(), snapshot.len()), (1, 2));
}

#[test]
fn a_typed_object_is_decoded_once() {
    let mut snapshot = empty();
    let key = ObjectKey::cluster("a");
    snapshot.put(&parent_kind(), key.clone(), stored(parent("a", 1), "u1", 2));
    let (one, two) = (snapshot.get::<Parent>(&key).unwrap(), snapshot.clone().get(&key).unwrap());
    assert!(Arc::ptr_eq(&one.value, &two.value));
}

#[test]
fn an_object_that_does_not_fit_its_type_is_left_out_of_typed_lists_only() {
    let mut snapshot = empty();
    let mut bad = stored(parent("bad", 0), "u1", 2);
    bad.body.insert("spec".into(), serde_json::json!({ "children": "many" }));
    snapshot.put(&parent_kind(), ObjectKey::cluster("bad"), bad);
    snapshot.put(&parent_kind(), ObjectKey::cluster("good"), stored(parent("good", 1), "u2", 3));
    let names: Vec<_> = snapshot.list::<Parent>().map(|p| p.object.metadata.name.clone()).collect();
    assert_eq!(names, ["good"]);
    assert_eq!(snapshot.objects(&parent_kind()).count(), 2);
}

#[test]
fn a_namespace_is_listed_without_its_neighbours() {
    let mut snapshot = empty();
    for (namespace, name) in [("a", "x"), ("ab", "x"), ("a", "b"), ("b", "x")] {
        let mut object = child(name, None);
        object.metadata.namespace = Some(namespace.to_owned());
        snapshot.put(&child_kind(), object.key(), object);
    }
    let names: Vec<_> =
        snapshot.objects_in(&child_kind(), "a").map(|object| object.key().to_string()).collect();
    assert_eq!(names, ["a/b", "a/x"]);
}

#[test]
fn only_the_controller_counts_as_owner_of_typed_objects() {
    let mut snapshot = empty();
    let owner = stored(parent("p", 1), "u1", 2);
    let mut second = child("second", Some(&owner));
    second.metadata.owner_references[0].controller = false;
    snapshot.put(&child_kind(), ObjectKey::cluster("first"), child("first", Some(&owner)));
    snapshot.put(&child_kind(), ObjectKey::cluster("second"), second);
    let uid = owner.metadata.uid.unwrap();
    assert_eq!(snapshot.owned_by::<Child>(&uid).len(), 1);
    assert_eq!(snapshot.owned_objects(&uid).len(), 2);
}

proptest! {
    /// Indexes and differences against plain maps, over random puts and removals.
    #[test]
    fn indexes_and_differences_agree_with_the_objects(
        steps in prop::collection::vec((0u8..6, prop::option::of((0u8..3, 0u8..3))), 1..60),
        cut in 0usize..60,
    ) {
        let mut snapshot = empty();
        let mut model: BTreeMap<ObjectKey, (u8, u8)> = BTreeMap::new();
        let mut middle = snapshot.clone();
        for (at, (name, what)) in steps.iter().enumerate() {
            if at == cut {
                middle = snapshot.clone();
            }
            let key = ObjectKey::cluster(format!("c{name}"));
            let revision = Revision(i64::try_from(at).unwrap() + 2);
            snapshot.advance(revision);
            let Some((nick, owner)) = what else {
                let change = snapshot.remove(&child_kind(), key.clone(), revision);
                prop_assert_eq!(change.is_some(), model.remove(&key).is_some());
                continue;
            };
            let owner_object = stored(parent("p", 0), &format!("owner{owner}"), 1);
            let mut object = stored(child(&key.name, Some(&owner_object)), &key.name, revision.0);
            object.metadata.labels.insert("nick".into(), format!("n{nick}"));
            snapshot.put(&child_kind(), key.clone(), object);
            model.insert(key, (*nick, *owner));
        }
        for value in 0u8..3 {
            let expected = |f: fn(&(u8, u8)) -> u8| -> Vec<ObjectKey> {
                model.iter().filter(|(_, v)| f(v) == value).map(|(key, _)| key.clone()).collect()
            };
            let keys = |objects: Vec<Arc<Object>>| -> Vec<ObjectKey> {
                objects.iter().map(|object| object.key()).collect()
            };
            let uid = Uid::from_stored(format!("owner{value}"));
            prop_assert_eq!(keys(snapshot.objects_by("nick", &format!("n{value}"))), expected(|v| v.0));
            prop_assert_eq!(keys(snapshot.owned_objects(&uid)), expected(|v| v.1));
        }
        for key in model.keys() {
            prop_assert!(snapshot.by_uid(&Uid::from_stored(key.name.clone())).is_some());
        }
        prop_assert_eq!(snapshot.len(), model.len());
        let mut replayed = middle.clone();
        for change in middle.changes_to(&snapshot) {
            match &change.new {
                Some(new) => drop(replayed.put(&change.kind, change.key, (**new).clone())),
                None => drop(replayed.remove(&change.kind, change.key, change.revision)),
            }
        }
        let all = |snapshot: &Snapshot| snapshot.objects(&child_kind()).collect::<Vec<_>>();
        prop_assert_eq!(all(&replayed), all(&snapshot));
    }
}
