//! Two kinds of our own and a control plane in memory, for the tests of this crate.

use crate::{Cache, Runtime, RuntimeBuilder};
use quorate_resources::{Kind, KindInfo, Metadata, Object, Objects, Registry};
use quorate_seams::{ManualClock, OsDisk, Seams, SeededRandom, SharedClock, SystemClock};
use quorate_store::{MemoryStore, SharedStore};
use quorate_types::{GroupKind, ObjectKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a test waits for something that must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Wants so many children.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Parent {
    pub(crate) metadata: Metadata,
    pub(crate) spec: ParentSpec,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ParentSpec {
    pub(crate) children: usize,
}

impl Kind for Parent {
    const GROUP: &'static str = "test";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Parent";
    const PLURAL: &'static str = "parents";
    const NAMESPACED: bool = false;
}

/// Belongs to a parent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Child {
    pub(crate) metadata: Metadata,
}

impl Kind for Child {
    const GROUP: &'static str = "test";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Child";
    const PLURAL: &'static str = "children";
    const NAMESPACED: bool = false;
}

/// Stores, objects and cache of one test.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    /// For limits of waiting only: real time passes while the manual clock stands still.
    pub(crate) real: SharedClock,
    pub(crate) objects: Objects,
    pub(crate) cache: Arc<Cache>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::over(|store| store).await
    }

    /// A world whose cache and objects see the store through something else.
    pub(crate) async fn over(wrap: impl FnOnce(SharedStore) -> SharedStore) -> Self {
        let clock = ManualClock::new();
        let store = MemoryStore::new(clock.clone());
        let mut registry = Registry::new();
        registry.register(KindInfo::of::<Parent>()).unwrap();
        registry.register(KindInfo::of::<Child>()).unwrap();
        let seams = Seams {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(7)),
            disk: Arc::new(OsDisk),
        };
        let objects = Objects::new(wrap(store.clone()), Arc::new(registry), seams);
        let cache = Cache::builder()
            .index("child.nick", |object| Some(object.metadata.labels.get("nick")?.clone()))
            .start(objects.clone())
            .await
            .unwrap();
        Self { store, clock, real: SystemClock::shared(), objects, cache }
    }

    pub(crate) fn runtime(&self) -> RuntimeBuilder {
        Runtime::builder(self.objects.clone(), Arc::clone(&self.cache))
    }

    pub(crate) async fn create(&self, object: Object) -> Object {
        self.objects.create(object).await.unwrap()
    }

    /// Waits until the cache fulfils a condition.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        f: impl FnMut(&crate::Snapshot) -> Option<T>,
    ) -> T {
        let found = self.cache.until(&self.real, LIMIT, f).await;
        found.unwrap_or_else(|| panic!("{what}: never happened in {:?}", self.cache))
    }
}

pub(crate) fn parent_kind() -> GroupKind {
    Parent::group_kind()
}

pub(crate) fn child_kind() -> GroupKind {
    Child::group_kind()
}

pub(crate) fn parent(name: &str, children: usize) -> Object {
    let mut object = Object::new::<Parent>(ObjectKey::cluster(name));
    object.body.insert("spec".into(), json!({ "children": children }));
    object
}

pub(crate) fn child(name: &str, owner: Option<&Object>) -> Object {
    let mut object = Object::new::<Child>(ObjectKey::cluster(name));
    object.metadata.owner_references.extend(owner.map(Object::owner_reference));
    object
}
