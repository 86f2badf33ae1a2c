//! A store with two kinds of its own: `Namespace`, which gates creations, and `Widget`.

use crate::yielding::Yielding;
use quorate_resources::{
    GroupKind, Kind, KindInfo, Object, ObjectKey, Objects, Registry, Revision,
};
use quorate_seams::{ManualClock, OsDisk, Seams, SeededRandom};
use quorate_store::MemoryStore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Widget {
    pub(crate) spec: WidgetSpec,
    pub(crate) status: Option<WidgetStatus>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WidgetSpec {
    pub(crate) size: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) weight: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WidgetStatus {
    pub(crate) ready: bool,
}

impl Kind for Widget {
    const GROUP: &'static str = "test.example";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Widget";
    const PLURAL: &'static str = "widgets";
    const NAMESPACED: bool = true;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Namespace {}

impl Kind for Namespace {
    const GROUP: &'static str = "";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Namespace";
    const PLURAL: &'static str = "namespaces";
    const NAMESPACED: bool = false;
}

pub(crate) struct World {
    pub(crate) objects: Objects,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Yielding>,
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register(KindInfo::of::<Namespace>()).unwrap();
    let widget = KindInfo {
        short_names: vec!["wd".to_owned()],
        // A widget on a host has to be stopped there.
        graceful_delete: |object| object.pointer("/spec/host").map(|_| 30),
        merge_keys: &[("parts", &["name"])],
        ..KindInfo::of::<Widget>()
    };
    registry.register(widget).unwrap();
    registry
}

impl World {
    /// A store with the namespace `shop`.
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::new();
        let store = Yielding::new(MemoryStore::new(clock.clone()));
        let seams = Seams {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(7)),
            disk: Arc::new(OsDisk),
        };
        let objects = Objects::new(store.clone(), Arc::new(registry()), seams);
        objects.create(Object::new::<Namespace>(ObjectKey::cluster("shop"))).await.unwrap();
        Self { objects, clock, store }
    }

    /// The same store, with randomness of its own.
    pub(crate) fn seeded(&self, seed: u64) -> Objects {
        let random = Arc::new(SeededRandom::new(seed));
        let seams = Seams { random, ..self.objects.seams().clone() };
        Objects::new(self.objects.store().clone(), self.objects.registry().clone(), seams)
    }

    pub(crate) fn revision(&self) -> Revision {
        self.objects.store().status().revision
    }

    pub(crate) async fn widget(&self, name: &str) -> Object {
        self.objects.create(widget(name, json!({ "size": 1 }))).await.unwrap()
    }

    pub(crate) async fn read(&self, name: &str) -> Option<Object> {
        match self.objects.get(&kind(), &key(name)).await {
            Ok(object) => Some(object),
            Err(error) => {
                assert!(error.is_not_found(), "{error}");
                None
            }
        }
    }
}

pub(crate) fn kind() -> GroupKind {
    Widget::group_kind()
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey::namespaced("shop", name)
}

pub(crate) fn widget(name: &str, spec: Value) -> Object {
    let mut object = Object::new::<Widget>(key(name));
    object.body.insert("spec".to_owned(), spec);
    object
}

pub(crate) fn with_status(mut object: Object, ready: bool) -> Object {
    object.body.insert("status".to_owned(), json!({ "ready": ready }));
    object
}

pub(crate) fn with_spec(mut object: Object, spec: Value) -> Object {
    object.body.insert("spec".to_owned(), spec);
    object
}
