use super::times::Due;
use super::*;
use crate::testing::{World, kind, object};
use serde_json::json;

fn at(text: &str) -> i64 {
    timestamp::parse(text).unwrap()
}

#[test]
fn the_latest_time_that_was_missed_is_due() {
    let look = |schedule: &str, since: &str, now: &str| {
        let schedule = Schedule::parse(schedule, None).unwrap();
        due(&schedule, at(since), at(now))
    };
    let text = |time: &str| Some(at(time));
    assert_eq!(
        look("0 * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:59:59Z"),
        Due { latest: None, next: text("2026-01-01T01:00:00Z"), many: false }
    );
    assert_eq!(
        look("0 * * * *", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
        Due {
            latest: text("2026-01-01T01:00:00Z"),
            next: text("2026-01-01T02:00:00Z"),
            many: false
        }
    );
    assert_eq!(
        look("0 * * * *", "2026-01-01T00:00:00Z", "2026-01-03T05:30:00Z").latest,
        text("2026-01-03T05:00:00Z")
    );
    let long = look("* * * * *", "2025-01-01T00:00:00Z", "2026-01-01T00:00:30Z");
    assert_eq!((long.latest, long.many), (text("2026-01-01T00:00:00Z"), true));
    // On Friday evening until Monday morning: the gap between times is not always the same.
    let uneven = look("0 9 * * mon-fri", "2026-01-01T10:00:00Z", "2026-01-06T12:00:00Z");
    assert_eq!(uneven.latest, text("2026-01-06T09:00:00Z"));
}

fn cron(spec: Value) -> Object {
    let template = json!({ "spec": {
        "restartPolicy": "Never", "containers": [{ "name": "main", "image": "web:1" }],
    } });
    let mut cron = object(json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": { "name": "tick", "namespace": "shop" },
        "spec": { "schedule": "*/10 * * * *", "jobTemplate": { "spec": { "template": template } } },
    }));
    for (name, value) in spec.as_object().unwrap() {
        edit::set_field(&mut cron, &["spec", name.as_str()], value.clone());
    }
    cron
}

fn jobs(snapshot: &Snapshot) -> Vec<Arc<Object>> {
    snapshot.objects_in(&kind("batch/Job"), "shop").collect()
}

const MINUTE: Duration = Duration::from_secs(60);

/// Ends a job as its controller would.
async fn end(world: &World, name: &str, how: &str) {
    let key = ObjectKey::namespaced("shop", name);
    let mut job = world.objects.get(&kind("batch/Job"), &key).await.unwrap();
    let now = timestamp::format(world.objects.seams().clock.wall());
    job.body.insert(
        "status".into(),
        json!({
            "startTime": now, "completionTime": now,
            "conditions": [{ "type": how, "status": "True", "lastTransitionTime": now }],
        }),
    );
    world.objects.update_status(job).await.unwrap();
}

#[tokio::test]
async fn jobs_are_made_when_they_are_due_and_old_ones_go() {
    let world = World::new().await;
    world.create(cron(json!({ "successfulJobsHistoryLimit": 1 }))).await;
    let _running = world.start(vec![Arc::new(CronJobs)]);
    world.pass(9 * MINUTE + Duration::from_secs(59)).await;
    assert!(jobs(&world.settled().await).is_empty(), "nothing is due yet");
    world.pass(Duration::from_secs(2)).await;
    let made = world.until("the first job", |s| Some(jobs(s)).filter(|all| all.len() == 1)).await;
    let (name, annotations) = (&made[0].metadata.name, &made[0].metadata.annotations);
    assert!(name.starts_with("tick-"), "{name}");
    assert!(annotations.contains_key("batch.kubernetes.io/cronjob-scheduled-timestamp"));
    assert_eq!(made[0].metadata.controller().unwrap().kind, "CronJob");
    let status = world.status_when("batch/CronJob", "tick", |s| s["active"].is_array()).await;
    assert_eq!(status["active"][0]["name"], json!(name));
    assert!(status["lastScheduleTime"].is_string());
    end(&world, name, "Complete").await;
    let done =
        world.status_when("batch/CronJob", "tick", |s| s["lastSuccessfulTime"].is_string()).await;
    assert!(done.get("active").is_none(), "{done}");
    for _ in 0..2 {
        world.pass(10 * MINUTE).await;
        let all = world.until("another", |s| Some(jobs(s))).await;
        for job in all.iter().filter(|job| job.pointer("/status/completionTime").is_none()) {
            end(&world, &job.metadata.name, "Complete").await;
        }
        world.until("one is kept", |s| (jobs(s).len() == 1).then_some(())).await;
    }
}

#[tokio::test]
async fn what_was_missed_is_made_up_for_once_and_not_too_late() {
    let world = World::new().await;
    world.create(cron(json!({}))).await;
    world.clock.advance(65 * MINUTE);
    let running = world.start(vec![Arc::new(CronJobs)]);
    world.status_when("batch/CronJob", "tick", |s| s["lastScheduleTime"].is_string()).await;
    assert_eq!(jobs(&world.settled().await).len(), 1, "one for six that were missed");
    running.stop().await;
    let late = World::new().await;
    late.create(cron(json!({ "startingDeadlineSeconds": 60 }))).await;
    late.clock.advance(65 * MINUTE);
    let _running = late.start(vec![Arc::new(CronJobs)]);
    late.pass(Duration::from_secs(5)).await;
    assert!(jobs(&late.settled().await).is_empty(), "it was due five minutes ago");
    late.pass(6 * MINUTE).await;
    late.until("the next time", |s| (jobs(s).len() == 1).then_some(())).await;
}

#[tokio::test]
async fn two_at_once_are_forbidden_or_replaced_as_it_says() {
    let world = World::new().await;
    world.create(cron(json!({ "concurrencyPolicy": "Forbid" }))).await;
    let _running = world.start(vec![Arc::new(CronJobs)]);
    world.pass(21 * MINUTE).await;
    let all = jobs(&world.settled().await);
    assert_eq!(all.len(), 1, "the first still runs");
    end(&world, &all[0].metadata.name, "Failed").await;
    world.until("the second follows at once", |s| (jobs(s).len() == 2).then_some(())).await;

    let other = World::new().await;
    other.create(cron(json!({ "concurrencyPolicy": "Replace" }))).await;
    let _running = other.start(vec![Arc::new(CronJobs)]);
    other.pass(11 * MINUTE).await;
    let first = other.until("one", |s| jobs(s).pop()).await;
    other.pass(10 * MINUTE).await;
    let uid = first.metadata.uid.clone();
    let replaced = |s: &Snapshot| {
        let all = jobs(s);
        (all.len() == 1 && all[0].metadata.uid != uid).then_some(())
    };
    other.until("another in its place", replaced).await;
}

#[tokio::test]
async fn a_suspended_schedule_makes_nothing() {
    let world = World::new().await;
    world.create(cron(json!({ "suspend": true }))).await;
    let _running = world.start(vec![Arc::new(CronJobs)]);
    world.pass(25 * MINUTE).await;
    assert!(jobs(&world.settled().await).is_empty());
    world
        .edit("batch/CronJob", ObjectKey::namespaced("shop", "tick"), |cron| {
            edit::set_field(cron, &["spec", "suspend"], json!(false));
        })
        .await;
    world.until("the latest", |s| (jobs(s).len() == 1).then_some(())).await;
}
