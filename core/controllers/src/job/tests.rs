use super::*;
use crate::garbage::Garbage;
use crate::testing::{World, kind, object, pods as all_pods};
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn sets_of_indexes_read_back() {
    for text in ["", "0", "0,1", "0-2", "0-3,5,7,8,10-12"] {
        assert_eq!(indexes::format(&indexes::parse(text)), text);
    }
    assert_eq!(indexes::parse("3,x,1-").into_iter().collect::<Vec<_>>(), [3]);
}

fn job(spec: &Value) -> Object {
    let mut job = object(json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": "work", "namespace": "shop" },
        "spec": { "template": { "spec": {
            "restartPolicy": "Never", "containers": [{ "name": "main", "image": "work:1" }],
        } } },
    }));
    for (name, value) in spec.as_object().unwrap() {
        edit::set_field(&mut job, &["spec", name.as_str()], value.clone());
    }
    job
}

fn key() -> ObjectKey {
    ObjectKey::namespaced("shop", "work")
}

async fn start(spec: Value) -> (World, quorate_reconcile::Running) {
    let world = World::new().await;
    world.create(job(&spec)).await;
    let running = world.start(vec![Arc::new(Jobs::default())]);
    (world, running)
}

fn holds(status: &Value, kind: &str, reason: &str) -> bool {
    condition::holding(status, kind).is_some_and(|found| found["reason"] == reason)
}

/// Pods that have neither ended nor been told to.
fn active(pods: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let ended = |pod: &Arc<Object>| {
        let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
        matches!(phase, "Succeeded" | "Failed") || pod.metadata.is_deleting()
    };
    pods.iter().filter(|pod| !ended(pod)).cloned().collect()
}

async fn end(world: &World, pod: &Object, phase: &str) {
    world.set_pod_status(&pod.metadata.name, json!({ "phase": phase })).await;
}

async fn fail_with(world: &World, pod: &Object, code: i32) {
    let status = json!({ "phase": "Failed", "containerStatuses": [{
        "name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "terminated": { "exitCode": code } },
    }] });
    world.set_pod_status(&pod.metadata.name, status).await;
}

fn tracked(pods: &[Arc<Object>]) -> usize {
    pods.iter().filter(|pod| !pod.metadata.finalizers.is_empty()).count()
}

#[tokio::test]
async fn a_job_runs_so_many_pods_and_counts_each_once() {
    let (world, _running) = start(json!({ "completions": 3, "parallelism": 2 })).await;
    let two = world.pods_when("two", |pods| active(pods).len() == 2).await;
    assert_eq!(tracked(&two), 2, "kept until they are counted");
    assert_eq!(two[0].metadata.labels["batch.kubernetes.io/job-name"], "work");
    end(&world, &two[0], "Succeeded").await;
    world.status_when("batch/Job", "work", |s| s["succeeded"] == 1 && s["active"] == 2).await;
    let rest = active(&all_pods(&world.settled().await));
    end(&world, &rest[0], "Succeeded").await;
    world.status_when("batch/Job", "work", |s| s["succeeded"] == 2 && s["active"] == 1).await;
    assert_eq!(active(&all_pods(&world.settled().await)).len(), 1, "no more than there is to do");
    end(&world, &rest[1], "Succeeded").await;
    let done = |s: &Value| holds(s, "Complete", "CompletionsReached");
    let status = world.status_when("batch/Job", "work", done).await;
    assert!(status["completionTime"].is_string() && status["startTime"].is_string(), "{status}");
    assert_eq!((&status["succeeded"], status.get("failed")), (&json!(3), None));
    let left = all_pods(&world.settled().await);
    assert_eq!((left.len(), tracked(&left)), (3, 0), "they stay, and nothing keeps them");
}

#[tokio::test]
async fn after_failures_it_waits_and_at_the_limit_it_gives_up() {
    let (world, _running) =
        start(json!({ "backoffLimit": 1, "completions": 5, "parallelism": 2 })).await;
    let first = world.pods_when("two", |pods| active(pods).len() == 2).await;
    end(&world, &first[0], "Failed").await;
    world.status_when("batch/Job", "work", |s| s["failed"] == 1).await;
    world.pass(Duration::from_secs(9)).await;
    assert_eq!(active(&all_pods(&world.settled().await)).len(), 1, "it waits for ten seconds");
    world.pass(Duration::from_secs(2)).await;
    let again = world.pods_when("then it tries again", |pods| active(pods).len() == 2).await;
    end(&world, &active(&again)[0], "Failed").await;
    let failed = |s: &Value| holds(s, "Failed", "BackoffLimitExceeded");
    let status = world.status_when("batch/Job", "work", failed).await;
    assert_eq!(status["failed"], 3, "the one that ran on was ended and counts");
    assert!(active(&all_pods(&world.settled().await)).is_empty());
    assert_eq!(tracked(&all_pods(&world.settled().await)), 0);
}

#[tokio::test]
async fn every_index_is_done_once_and_tried_again_if_it_fails() {
    let (world, _running) =
        start(json!({ "completionMode": "Indexed", "completions": 3, "parallelism": 3 })).await;
    let pods = world.pods_when("three", |pods| active(pods).len() == 3).await;
    let index =
        |pod: &Object| pod.metadata.annotations["batch.kubernetes.io/job-completion-index"].clone();
    let indexes: BTreeSet<String> = pods.iter().map(|pod| index(pod)).collect();
    assert_eq!(indexes.into_iter().collect::<Vec<_>>(), ["0", "1", "2"]);
    for pod in &pods {
        let index = index(pod);
        assert!(pod.metadata.name.starts_with(&format!("work-{index}-")), "{}", pod.metadata.name);
        assert_eq!(pod.pointer("/spec/hostname"), Some(&json!(format!("work-{index}"))));
        let variable = json!({ "name": "JOB_COMPLETION_INDEX", "value": index });
        assert_eq!(pod.pointer("/spec/containers/0/env/0"), Some(&variable));
        end(&world, pod, if index == "1" { "Failed" } else { "Succeeded" }).await;
    }
    let partly = |s: &Value| s["completedIndexes"] == "0,2" && s["failed"] == 1;
    world.status_when("batch/Job", "work", partly).await;
    world.pass(Duration::from_secs(11)).await;
    let again = world.pods_when("the one that failed", |pods| active(pods).len() == 1).await;
    let again = active(&again);
    assert_eq!(index(&again[0]), "1");
    end(&world, &again[0], "Succeeded").await;
    let done = |s: &Value| holds(s, "Complete", "CompletionsReached");
    let status = world.status_when("batch/Job", "work", done).await;
    assert_eq!(status["completedIndexes"], "0-2");
}

#[tokio::test]
async fn an_index_that_fails_too_often_is_given_up_and_the_others_go_on() {
    let (world, _running) = start(json!({ "completionMode": "Indexed", "completions": 2,
        "parallelism": 2, "backoffLimitPerIndex": 0 }))
    .await;
    let pods = world.pods_when("two", |pods| active(pods).len() == 2).await;
    end(&world, &pods[0], "Failed").await;
    world.status_when("batch/Job", "work", |s| s["failedIndexes"].is_string()).await;
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(active(&all_pods(&world.settled().await)).len(), 1, "it is not tried again");
    end(&world, &pods[1], "Succeeded").await;
    let failed = |s: &Value| holds(s, "Failed", "FailedIndexes") && s["succeeded"] == 1;
    world.status_when("batch/Job", "work", failed).await;
}

#[tokio::test]
async fn rules_say_what_a_failure_means() {
    let rules = json!({ "backoffLimit": 0, "podFailurePolicy": { "rules": [
        { "action": "Ignore", "onExitCodes": { "operator": "In", "values": [7] } },
        { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget" }] },
        { "action": "FailJob", "onExitCodes": { "operator": "NotIn", "values": [1, 7] } },
    ] } });
    let (world, _running) = start(rules).await;
    let mut last = BTreeSet::new();
    for code in [7, 42] {
        let seen = last.clone();
        let fresh = |pods: &[Arc<Object>]| {
            active(pods).iter().any(|pod| !seen.contains(&pod.metadata.name))
        };
        let pod = active(&world.pods_when("a pod", fresh).await).remove(0);
        last.insert(pod.metadata.name.clone());
        fail_with(&world, &pod, code).await;
    }
    let failed = |s: &Value| holds(s, "Failed", "PodFailurePolicy");
    let status = world.status_when("batch/Job", "work", failed).await;
    let message = condition::holding(&status, "Failed").unwrap()["message"].to_string();
    assert!(message.contains("exit code 42 matching FailJob rule at index 2"), "{message}");
    assert_eq!(status["failed"], 1, "the first was ignored");
}

#[tokio::test]
async fn a_suspended_job_has_no_pods_and_those_it_gives_up_do_not_count() {
    let (world, _running) =
        start(json!({ "suspend": true, "parallelism": 2, "completions": 2 })).await;
    let status =
        world.status_when("batch/Job", "work", |s| holds(s, "Suspended", "JobSuspended")).await;
    assert!(status.get("startTime").is_none() && all_pods(&world.settled().await).is_empty());
    let suspend = async |suspend: bool| {
        let set = |job: &mut Object| edit::set_field(job, &["spec", "suspend"], json!(suspend));
        world.edit("batch/Job", key(), set).await;
    };
    suspend(false).await;
    world.pods_when("two", |pods| active(pods).len() == 2).await;
    world.status_when("batch/Job", "work", |s| s["startTime"].is_string()).await;
    suspend(true).await;
    world.pods_when("none", <[Arc<Object>]>::is_empty).await;
    let status = world
        .status_when("batch/Job", "work", |s| {
            holds(s, "Suspended", "JobSuspended") && s.get("active").is_none()
        })
        .await;
    assert_eq!(status.get("failed"), None, "{status}");
    suspend(false).await;
    world.pods_when("two again", |pods| active(pods).len() == 2).await;
}

#[tokio::test]
async fn a_job_that_takes_too_long_fails_and_goes_after_its_time() {
    let world = World::new().await;
    world.create(job(&json!({ "activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 30 }))).await;
    let _running = world.start(vec![Arc::new(Jobs::default()), Arc::new(Garbage)]);
    let _fleet = world.fleet(&["n1"]);
    world.status_when("batch/Job", "work", |s| s["ready"] == 1).await;
    world.pass(Duration::from_secs(55)).await;
    assert_eq!(active(&all_pods(&world.settled().await)).len(), 1);
    world.pass(Duration::from_secs(10)).await;
    let failed = |s: &Value| holds(s, "Failed", "DeadlineExceeded");
    world.status_when("batch/Job", "work", failed).await;
    world.pass(Duration::from_secs(20)).await;
    assert!(world.settled().await.object(&kind("batch/Job"), &key()).is_some(), "still there");
    world.pass(Duration::from_secs(20)).await;
    world
        .until("job and pods are gone", |s| {
            (s.object(&kind("batch/Job"), &key()).is_none() && all_pods(s).is_empty()).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_queue_of_work_is_done_when_one_finds_it_empty() {
    let (world, _running) = start(json!({ "parallelism": 2 })).await;
    let pods = world.pods_when("two", |pods| active(pods).len() == 2).await;
    end(&world, &pods[0], "Succeeded").await;
    let status = world.status_when("batch/Job", "work", |s| s["succeeded"] == 1).await;
    assert!(condition::holding(&status, "Complete").is_none(), "the other still works");
    assert_eq!(active(&all_pods(&world.settled().await)).len(), 1, "nobody new begins");
    end(&world, &pods[1], "Succeeded").await;
    let done = |s: &Value| holds(s, "Complete", "CompletionsReached") && s["succeeded"] == 2;
    world.status_when("batch/Job", "work", done).await;
}

#[tokio::test]
async fn what_a_deleted_job_leaves_is_kept_by_nobody() {
    let world = World::new().await;
    world.create(job(&json!({ "parallelism": 2, "completions": 2 }))).await;
    let _running = world.start(vec![Arc::new(Jobs::default()), Arc::new(Garbage)]);
    let _fleet = world.fleet(&["n1"]);
    world.status_when("batch/Job", "work", |s| s["ready"] == 2).await;
    world.delete("batch/Job", Some("shop"), "work").await;
    world.pods_when("all go", <[Arc<Object>]>::is_empty).await;
    world.create(job(&json!({}))).await;
    world.status_when("batch/Job", "work", |s| s["ready"] == 1).await;
    let orphan = Propagation::Orphan;
    world.delete_as("batch/Job", Some("shop"), "work", orphan).await;
    world
        .pods_when("one stays and is free", |pods| {
            pods.len() == 1 && pods[0].metadata.owner_references.is_empty() && tracked(pods) == 0
        })
        .await;
}

/// Whoever leads, and however often that changes, each end is counted once.
#[tokio::test]
async fn each_end_is_counted_once_across_changes_of_leader() {
    use quorate_store::MemoryStore;
    use quorate_types::Term;
    let (world, _running) = start(json!({ "completions": 12, "parallelism": 4 })).await;
    let mut ended = BTreeSet::new();
    for round in 2..60 {
        let pods = active(&all_pods(&world.settled().await));
        for pod in pods.iter().filter(|pod| ended.insert(pod.metadata.name.clone())) {
            end(&world, pod, "Succeeded").await;
        }
        if round % 3 == 0 {
            world.store.set_leadership(None, Term(round * 2));
            world.store.set_leadership(Some(MemoryStore::MEMBER), Term(round * 2 + 1));
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    let status = world
        .status_when("batch/Job", "work", |s| condition::holding(s, "Complete").is_some())
        .await;
    assert_eq!(status["succeeded"], 12);
    assert_eq!(ended.len(), 12, "and no pod was made in vain");
}
