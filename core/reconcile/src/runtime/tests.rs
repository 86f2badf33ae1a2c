use super::*;
use crate::testing::{Child, LIMIT, Parent, World, child, child_kind, parent, parent_kind};
use crate::{Context, Error, EventType, Next, Watch};
use async_trait::async_trait;
use quorate_resources::{Change, Kind};
use quorate_seams::{Clock, Monotonic, timeout};
use quorate_store::{MemoryStore, Store};
use quorate_types::ObjectKey;
use std::sync::Mutex;
use std::time::Duration;

/// Makes as many children as a parent wants; names are drawn, so a stale view makes too many.
#[derive(Debug, Default)]
struct Breeder {
    passes: AtomicUsize,
}

#[async_trait]
impl Reconciler for Breeder {
    fn name(&self) -> &'static str {
        "breeder"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::own(parent_kind()), Watch::owned(child_kind(), parent_kind())]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        self.passes.fetch_add(1, Ordering::SeqCst);
        let Some(parent) = cx.snapshot().get::<Parent>(key) else { return Ok(Next::Done) };
        let uid = parent.object.metadata.uid.clone().unwrap();
        let children = cx.snapshot().owned_by::<Child>(&uid);
        let missing = parent.spec.children.saturating_sub(children.len());
        // One at a time, with the single-object door: each pass must see the one before.
        if missing > 0 {
            let name = format!("{}-{:016x}", key.name, cx.objects().seams().random.next_u64());
            cx.objects().create(child(&name, Some(&parent.object))).await?;
            return Ok(Next::After(Duration::ZERO));
        }
        Ok(Next::Done)
    }
}

fn children(snapshot: &crate::Snapshot) -> usize {
    snapshot.objects(&child_kind()).count()
}

#[tokio::test]
async fn a_reconciler_that_counts_its_children_never_makes_one_too_many() {
    let world = World::new().await;
    let breeder = Arc::new(Breeder::default());
    let running = world.runtime().reconciler(breeder.clone()).start();
    for round in 0..5 {
        world.create(parent(&format!("p{round}"), 20)).await;
    }
    world.until("100 children", |snapshot| (children(snapshot) >= 100).then_some(())).await;
    running.stop().await;
    let all = world.objects.list(&child_kind(), None, &Default::default()).await.unwrap();
    assert_eq!(all.items.len(), 100);
    assert!(breeder.passes.load(Ordering::SeqCst) >= 105);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_seen_by_the_next_pass() {
    let world = World::new().await;
    world.create(parent("p", 6)).await;
    for _ in 0..4 {
        world.store.fail_next_after_applying(quorate_store::Error::Timeout);
    }
    let running = world.runtime().reconciler(Arc::new(Breeder::default())).start();
    let six = async {
        while children(&world.cache.snapshot()) < 6 {
            // The back-off after each lost answer is virtual time.
            world.clock.advance(Duration::from_millis(10));
            tokio::task::yield_now().await;
        }
    };
    timeout(&*world.real, LIMIT, six).await.expect("six children");
    running.stop().await;
    let all = world.objects.list(&child_kind(), None, &Default::default()).await.unwrap();
    assert_eq!(all.items.len(), 6);
}

#[tokio::test]
async fn what_exists_when_leadership_is_gained_is_looked_at() {
    let world = World::new().await;
    world.create(parent("p", 2)).await;
    let _running = world.runtime().reconciler(Arc::new(Breeder::default())).start();
    world.until("two children", |snapshot| (children(snapshot) == 2).then_some(())).await;
}

/// Records its passes, holds each until told, and answers what it is told.
#[derive(Debug, Default)]
struct Probe {
    active: Mutex<BTreeMap<ObjectKey, usize>>,
    overlaps: AtomicUsize,
    passes: Mutex<Vec<(ObjectKey, Monotonic)>>,
    answer: Mutex<Answer>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Answer {
    #[default]
    Done,
    After(Duration),
    Fail,
    Panic,
}

impl Probe {
    fn passes(&self) -> usize {
        self.passes.lock().unwrap().len()
    }

    fn say(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn times(&self) -> Vec<Monotonic> {
        self.passes.lock().unwrap().iter().map(|(_, at)| *at).collect()
    }

    /// Lets the runtime run until so many passes have been made.
    async fn reach(&self, world: &World, passes: usize) {
        let reached = async {
            while self.passes() < passes {
                tokio::task::yield_now().await;
            }
        };
        let reached = timeout(&*world.real, LIMIT, reached).await;
        assert!(reached.is_some(), "{} passes of {passes}", self.passes());
    }
}

#[async_trait]
impl Reconciler for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::own(parent_kind())]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let before = {
            let mut active = self.active.lock().unwrap();
            let count = active.entry(key.clone()).or_default();
            *count += 1;
            *count
        };
        if before > 1 {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        *self.active.lock().unwrap().get_mut(key).unwrap() -= 1;
        self.passes.lock().unwrap().push((key.clone(), cx.clock().now()));
        let answer = *self.answer.lock().unwrap();
        match answer {
            Answer::Done => Ok(Next::Done),
            Answer::After(delay) => Ok(Next::After(delay)),
            Answer::Fail => Err(Error::failed("as told")),
            Answer::Panic => panic!("as told"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_never_runs_twice_at_once() {
    let world = World::new().await;
    let probe = Arc::new(Probe::default());
    let _running = world.runtime().workers(4).reconciler(probe.clone()).start();
    for name in ["a", "b"] {
        world.create(parent(name, 0)).await;
    }
    for round in 0..40 {
        for name in ["a", "b"] {
            let mut object = parent(name, round);
            object.metadata.labels.insert("round".into(), format!("r{round}"));
            world.objects.update(object).await.unwrap();
            tokio::task::yield_now().await;
        }
    }
    probe.reach(&world, 2).await;
    assert_eq!(probe.overlaps.load(Ordering::SeqCst), 0);
}

/// Waits until someone sleeps on the manual clock, then leaps there.
async fn leap(world: &World, at_least: Monotonic) {
    let wait = async {
        loop {
            match world.clock.next_deadline() {
                Some(due) if due >= at_least => return due,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let due = timeout(&*world.real, LIMIT, wait).await.expect("someone sleeps");
    world.clock.advance(due - world.clock.now());
}

#[tokio::test]
async fn failures_are_retried_ever_more_slowly() {
    let world = World::new().await;
    let probe = Arc::new(Probe::default());
    probe.say(Answer::Fail);
    let _running = world.runtime().reconciler(probe.clone()).start();
    world.create(parent("a", 0)).await;
    for pass in 1..=8 {
        probe.reach(&world, pass).await;
        if pass < 8 {
            leap(&world, world.clock.now() + Duration::from_nanos(1)).await;
        }
    }
    let times = probe.times();
    for (failures, pair) in (1..).zip(times.windows(2)) {
        let (waited, ceiling) = (pair[1] - pair[0], Backoff::default().ceiling(failures));
        assert!(waited >= ceiling / 2 && waited <= ceiling, "{waited:?} after {failures}");
    }
}

#[tokio::test]
async fn a_change_does_not_wait_for_the_back_off() {
    let world = World::new().await;
    let probe = Arc::new(Probe::default());
    probe.say(Answer::Fail);
    let _running = world.runtime().reconciler(probe.clone()).start();
    world.create(parent("a", 0)).await;
    probe.reach(&world, 1).await;
    probe.say(Answer::Done);
    let mut object = parent("a", 1);
    object.metadata.labels.insert("x".into(), "y".into());
    world.objects.update(object).await.unwrap();
    probe.reach(&world, 2).await;
    assert_eq!(world.clock.now(), Monotonic::default(), "no time has passed");
}

#[tokio::test]
async fn a_pass_is_repeated_after_the_time_it_asks_for() {
    let world = World::new().await;
    let probe = Arc::new(Probe::default());
    let day = Duration::from_secs(86_400);
    probe.say(Answer::After(day));
    let _running = world.runtime().reconciler(probe.clone()).start();
    world.create(parent("a", 0)).await;
    for pass in 1..=3 {
        probe.reach(&world, pass).await;
        if pass < 3 {
            leap(&world, world.clock.now() + day).await;
        }
    }
    let times = probe.times();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == day), "{times:?}");
}

#[tokio::test]
async fn a_panic_ends_one_pass_and_no_more() {
    let world = World::new().await;
    let probe = Arc::new(Probe::default());
    probe.say(Answer::Panic);
    let _running = world.runtime().reconciler(probe.clone()).start();
    world.create(parent("a", 0)).await;
    probe.reach(&world, 1).await;
    probe.say(Answer::Done);
    world.create(parent("b", 0)).await;
    probe.reach(&world, 2).await;
    assert_eq!(probe.passes.lock().unwrap()[1].0, ObjectKey::cluster("b"));
}

#[tokio::test]
async fn nothing_sleeps_or_runs_while_nothing_happens() {
    let world = World::new().await;
    let probe = Arc::new(Probe::default());
    let running = world.runtime().reconciler(probe.clone()).start();
    world.create(parent("a", 0)).await;
    probe.reach(&world, 1).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.clock.next_deadline(), None, "no timer is set");
    assert_eq!(running.queue_depths(), BTreeMap::from([("probe", 0)]));
}

#[tokio::test]
async fn a_reconciler_stops_where_leadership_is_lost_and_its_late_writes_are_refused() {
    let world = World::new().await;
    let held = Arc::new(Held::default());
    let running = world.runtime().reconciler(held.clone()).start();
    world.create(parent("a", 0)).await;
    let cx = timeout(&*world.real, LIMIT, held.context()).await.expect("a pass begins");
    // Another member is elected while the pass is under way.
    world.store.set_leadership(Some(quorate_types::MemberId(2)), Term(2));
    let late = cx.commit(vec![Change::Create(child("late", None))]).await;
    assert!(late.unwrap_err().is_fenced());
    world.create(parent("b", 0)).await;
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(held.begun.load(Ordering::SeqCst), 1, "nothing begins without leadership");
    // Elected again: everything is looked at anew, and writes count under the new term.
    world.store.set_leadership(Some(MemoryStore::MEMBER), Term(3));
    let cx = timeout(&*world.real, LIMIT, held.context()).await.expect("passes begin again");
    cx.commit(vec![Change::Create(child("new", None))]).await.unwrap();
    running.stop().await;
    let all = world.objects.list(&child_kind(), None, &Default::default()).await.unwrap();
    let names: Vec<_> = all.items.iter().map(|object| object.metadata.name.as_str()).collect();
    assert_eq!(names, ["new"]);
}

/// Hands its context out and then never ends.
#[derive(Debug, Default)]
struct Held {
    begun: AtomicUsize,
    contexts: Mutex<Vec<Context>>,
}

impl Held {
    async fn context(&self) -> Context {
        loop {
            if let Some(cx) = self.contexts.lock().unwrap().pop() {
                return cx;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Reconciler for Held {
    fn name(&self) -> &'static str {
        "held"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::own(Parent::group_kind())]
    }

    async fn reconcile(&self, cx: &Context, _: &ObjectKey) -> Result<Next, Error> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.contexts.lock().unwrap().push(cx.clone());
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_conflict_leads_to_a_pass_with_a_newer_snapshot() {
    let world = World::new().await;
    let stale = world.create(parent("a", 1)).await;
    let mut newer = stale.clone();
    newer.metadata.labels.insert("x".into(), "y".into());
    world.objects.update(newer).await.unwrap();
    let cx = Context::new("test", world.cache.snapshot(), world.objects.clone());
    let mut lost = stale;
    lost.metadata.labels.insert("x".into(), "z".into());
    let error = cx.commit(vec![Change::Update { object: lost, old: None }]).await.unwrap_err();
    assert!(error.is_stale() && !error.is_fenced(), "{error}");
    assert!(cx.commit(Vec::new()).await.is_ok());
}

#[tokio::test]
async fn while_leading_runs_once_per_term() {
    let world = World::new().await;
    let terms = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&terms);
    let store: quorate_store::SharedStore = world.store.clone();
    let _task = while_leading(store, move |term| {
        seen.lock().unwrap().push(term);
        async {}
    });
    let reach = async |count: usize| {
        let reached = async {
            while terms.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        };
        timeout(&*world.real, LIMIT, reached).await.expect("another term");
    };
    reach(1).await;
    world.store.set_leadership(None, Term(2));
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    world.store.set_leadership(Some(MemoryStore::MEMBER), Term(3));
    reach(2).await;
    assert_eq!(*terms.lock().unwrap(), [Term(1), Term(3)]);
}

#[tokio::test]
async fn an_event_that_repeats_is_counted_not_added() {
    let world = World::new().await;
    let regarding = world.create(parent("a", 1)).await;
    let revision = world.store.status().revision;
    let snapshot = world.cache.wait_for(revision).await;
    let occurrence = |message: &str| crate::event::Occurrence {
        regarding: &regarding,
        kind: EventType::Warning,
        reason: "Broken",
        message: message.to_owned(),
        reporter: "test",
        time: "2026-01-01T00:00:00Z".to_owned(),
    };
    let Change::Create(first) = occurrence("one").change(&snapshot) else { panic!("a new event") };
    assert_eq!(first.body["involvedObject"]["name"], "a");
    assert_eq!(first.metadata.namespace.as_deref(), Some("default"));
    let mut snapshot = snapshot;
    snapshot.put(&quorate_types::GroupKind::new("", "Event"), first.key(), first);
    let Change::Update { object, old } = occurrence("two").change(&snapshot) else {
        panic!("the known event")
    };
    assert!(old.is_some());
    assert_eq!((&object.body["count"], &object.body["message"]), (&2.into(), &"two".into()));
}
