use super::*;
use crate::CacheChange;
use crate::testing::{LIMIT, Parent, World, child, child_kind, parent, parent_kind};
use async_trait::async_trait;
use futures::StreamExt;
use quorate_resources::{Change, DeleteOptions};
use quorate_store::{
    Error as StoreError, LeaseGranted, LeaseTimeToLive, RangeRequest, RangeResponse, SharedStore,
    Status, Store, Txn, TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::{GroupKind, LeaseId, ObjectKey};
use std::sync::Mutex;
use tokio::sync::Notify;

#[tokio::test]
async fn a_cache_shows_what_was_acknowledged_before_it_started() {
    let world = World::new().await;
    world.create(parent("a", 1)).await;
    let cache = Cache::start(world.objects.clone()).await.unwrap();
    assert!(cache.snapshot().object(&parent_kind(), &ObjectKey::cluster("a")).is_some());
}

#[tokio::test]
async fn wait_for_gives_a_snapshot_with_the_write() {
    let world = World::new().await;
    let created = world.create(parent("a", 3)).await;
    let revision = created.metadata.resource_version.unwrap();
    let snapshot = world.cache.wait_for(revision).await;
    let found = snapshot.get::<Parent>(&ObjectKey::cluster("a")).unwrap();
    assert_eq!(found.spec.children, 3);
    assert_eq!(found.object.metadata.resource_version, Some(revision));
}

#[tokio::test]
async fn wait_for_also_reaches_revisions_that_touch_no_object() {
    let world = World::new().await;
    let answer = world.store.txn(Txn::put("elsewhere", "x")).await.unwrap();
    let snapshot = world.cache.wait_for(answer.revision).await;
    assert_eq!(snapshot.revision(), answer.revision);
}

#[tokio::test]
async fn no_snapshot_shows_half_of_a_transaction() {
    let world = World::new().await;
    let watcher = Arc::clone(&world.cache);
    let seen = spawn(async move {
        let (_, mut changes) = watcher.subscribe();
        let mut revisions = Vec::new();
        while let Some(update) = changes.next().await {
            let count = |kind: GroupKind| update.snapshot.objects(&kind).count();
            assert_eq!(count(parent_kind()), count(child_kind()));
            assert!(update.changes.is_sorted_by_key(|change| change.revision));
            revisions.push(update.snapshot.revision());
            if count(parent_kind()) == 50 {
                break;
            }
        }
        revisions
    });
    tokio::task::yield_now().await;
    for n in 0..50 {
        let pair = vec![
            Change::Create(parent(&format!("p{n}"), 0)),
            Change::Create(child(&format!("c{n}"), None)),
        ];
        world.objects.commit(pair).await.unwrap();
    }
    let revisions = timeout(&*world.real, LIMIT, seen.join()).await.unwrap().unwrap();
    assert!(revisions.is_sorted(), "{revisions:?}");
}

#[tokio::test]
async fn a_subscriber_hears_of_every_change_after_its_snapshot_once() {
    let world = World::new().await;
    world.create(parent("before", 0)).await;
    let (snapshot, mut changes) = world.cache.subscribe();
    let known = snapshot.len();
    let created = world.create(parent("after", 0)).await;
    world
        .objects
        .delete(&parent_kind(), &ObjectKey::cluster("after"), Default::default())
        .await
        .unwrap();
    let mut heard: Vec<CacheChange> = Vec::new();
    while heard.last().is_none_or(|change| change.new.is_some()) {
        let update = timeout(&*world.real, LIMIT, changes.next()).await.unwrap().unwrap();
        heard.extend(update.changes.iter().cloned());
    }
    let steps: Vec<_> = heard
        .iter()
        .filter(|change| change.key.name == "after")
        .map(|change| (change.old.is_some(), change.new.is_some()))
        .collect();
    assert_eq!(steps, [(false, true), (true, false)]);
    assert_eq!(
        heard.len() + known,
        3,
        "`before` is in the snapshot or in the changes, not in both"
    );
    assert_eq!(heard.last().unwrap().old.as_ref().unwrap().metadata.uid, created.metadata.uid);
}

#[tokio::test]
async fn a_subscriber_that_lags_gets_the_difference() {
    let world = World::new().await;
    let (snapshot, mut changes) = world.cache.subscribe();
    assert!(snapshot.is_empty());
    world.create(parent("gone", 0)).await;
    world
        .objects
        .delete(&parent_kind(), &ObjectKey::cluster("gone"), Default::default())
        .await
        .unwrap();
    let mut last = Revision::NONE;
    for n in 0..CHANGES_CAPACITY + 10 {
        let created = world.create(parent(&format!("p{n:05}"), 0)).await;
        last = created.metadata.resource_version.unwrap();
        // One batch per write, so that the subscriber really falls behind.
        world.cache.wait_for(last).await;
    }
    let update = timeout(&*world.real, LIMIT, changes.next()).await.unwrap().unwrap();
    assert_eq!(update.snapshot.revision(), last);
    assert_eq!(update.changes.len(), CHANGES_CAPACITY + 10);
    assert!(update.changes.iter().all(|change| change.old.is_none() && change.key.name != "gone"));
    let next = world.create(parent("z", 0)).await;
    let update = timeout(&*world.real, LIMIT, changes.next()).await.unwrap().unwrap();
    assert_eq!(update.changes.len(), 1, "and then goes on as usual");
    assert_eq!(Some(update.changes[0].revision), next.metadata.resource_version);
}

#[tokio::test]
async fn an_interrupted_watch_resumes_without_a_gap() {
    let cuts = Arc::new(Cuts::default());
    let wrapped = Arc::clone(&cuts);
    let world = World::over(|store| Arc::new(Cut { inner: store, cuts: wrapped })).await;
    let (_, mut changes) = world.cache.subscribe();
    world.create(parent("a", 0)).await;
    cuts.cut().await;
    world.create(parent("b", 0)).await;
    world.clock.advance(Duration::from_secs(5));
    let mut names = Vec::new();
    while names.len() < 2 {
        let next = async {
            loop {
                // The pause before the next attempt is virtual time.
                match timeout(&*world.real, Duration::from_millis(20), changes.next()).await {
                    Some(update) => return update,
                    None => world.clock.advance(Duration::from_secs(5)),
                }
            }
        };
        let update = timeout(&*world.real, LIMIT, next).await.unwrap().unwrap();
        names.extend(update.changes.iter().map(|change| change.key.name.clone()));
    }
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test]
async fn lost_history_is_bridged_by_a_listing() {
    let cuts = Arc::new(Cuts::default());
    let wrapped = Arc::clone(&cuts);
    let world = World::over(|store| Arc::new(Cut { inner: store, cuts: wrapped })).await;
    for name in ["kept", "changed", "deleted"] {
        world.create(parent(name, 1)).await;
    }
    world.until("three parents", |snapshot| (snapshot.len() == 3).then_some(())).await;
    let (_, mut changes) = world.cache.subscribe();
    // While the cache is cut off, the world moves on and its history is compacted.
    let inner = World::over(|_| world.store.clone()).await;
    cuts.hold();
    cuts.cut().await;
    inner.create(parent("created", 2)).await;
    let key = ObjectKey::cluster("changed");
    let mut changed = inner.objects.get(&parent_kind(), &key).await.unwrap();
    changed.body.insert("spec".into(), serde_json::json!({ "children": 9 }));
    inner.objects.update(changed).await.unwrap();
    remove(&inner, "deleted").await;
    let now = world.store.status().revision;
    world.store.compact(now).await.unwrap();
    cuts.release();
    let update = loop {
        match timeout(&*world.real, Duration::from_millis(20), changes.next()).await {
            Some(update) => break update.unwrap(),
            None => world.clock.advance(Duration::from_secs(5)),
        }
    };
    let mut steps: Vec<_> = update
        .changes
        .iter()
        .map(|change| (change.key.name.as_str(), change.old.is_some(), change.new.is_some()))
        .collect();
    steps.sort_unstable();
    let expected = [("changed", true, true), ("created", false, true), ("deleted", true, false)];
    assert_eq!(steps, expected);
    let names: Vec<_> =
        update.snapshot.objects(&parent_kind()).map(|p| p.metadata.name.clone()).collect();
    assert_eq!(names, ["changed", "created", "kept"]);
    assert_eq!(update.snapshot.get::<Parent>(&key).unwrap().spec.children, 9);
    assert_eq!(update.snapshot.revision(), now);
}

#[tokio::test]
async fn until_gives_up_after_its_limit() {
    let world = World::new().await;
    let clock: SharedClock = world.clock.clone();
    let waiting = world.cache.until(&clock, Duration::from_secs(1), |_| None::<()>);
    let mut waiting = std::pin::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(waiting.await, None);
}

async fn remove(world: &World, name: &str) {
    let key = ObjectKey::cluster(name);
    let deleted = world.objects.delete(&parent_kind(), &key, DeleteOptions::default()).await;
    assert!(deleted.unwrap().is_removed());
}

/// Ends watch streams on request, and lets new ones wait.
#[derive(Debug, Default)]
struct Cuts {
    open: Mutex<Vec<Arc<Notify>>>,
    held: watch::Sender<bool>,
}

impl Cuts {
    async fn cut(&self) {
        for cut in self.open.lock().unwrap().drain(..) {
            cut.notify_one();
        }
        tokio::task::yield_now().await;
    }

    fn hold(&self) {
        self.held.send_replace(true);
    }

    fn release(&self) {
        self.held.send_replace(false);
    }
}

#[derive(Debug)]
struct Cut {
    inner: SharedStore,
    cuts: Arc<Cuts>,
}

#[async_trait]
impl Store for Cut {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, StoreError> {
        self.inner.range(request).await
    }
    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        self.inner.txn(txn).await
    }
    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.inner.compact(revision).await
    }
    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        let mut held = self.cuts.held.subscribe();
        held.wait_for(|held| !held).await.map_err(|_| StoreError::Timeout)?;
        let cut = Arc::new(Notify::new());
        self.cuts.open.lock().unwrap().push(Arc::clone(&cut));
        let stream = self.inner.watch(request).await?;
        let end = Box::pin(async move { cut.notified().await });
        Ok(stream.take_until(end).boxed())
    }
    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, StoreError> {
        self.inner.lease_grant(id, ttl).await
    }
    async fn lease_revoke(&self, id: LeaseId) -> Result<(), StoreError> {
        self.inner.lease_revoke(id).await
    }
    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, StoreError> {
        self.inner.lease_keep_alive(id).await
    }
    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, StoreError> {
        self.inner.lease_time_to_live(id).await
    }
    async fn leases(&self) -> Result<Vec<LeaseId>, StoreError> {
        self.inner.leases().await
    }
    fn status(&self) -> Status {
        self.inner.status()
    }
    fn status_watch(&self) -> watch::Receiver<Status> {
        self.inner.status_watch()
    }
}
