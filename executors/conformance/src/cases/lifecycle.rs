//! From creation to removal.

use crate::failure::{holds, same};
use crate::{Bench, Case, Failure, Verdict};
use quorate_executor::{Health, Observed, Stop};

pub(super) const CASES: &[Case] = &[
    Case::new("lifecycle.an_executor_is_healthy", |b| Box::pin(healthy(b))),
    Case::new("lifecycle.an_unknown_task_is_absent", |b| Box::pin(absent(b))),
    Case::new("lifecycle.a_created_task_does_not_run", |b| Box::pin(created(b))),
    Case::new("lifecycle.a_started_task_runs", |b| Box::pin(runs(b))),
    Case::new("lifecycle.observing_repeats_what_start_said", |b| Box::pin(repeats(b))),
    Case::new("lifecycle.a_task_ends_by_itself", |b| Box::pin(ends(b))),
    Case::new("lifecycle.times_are_in_order", |b| Box::pin(times(b))),
    Case::new("lifecycle.an_end_is_kept_until_removal", |b| Box::pin(kept(b))),
    Case::new("lifecycle.a_removed_task_is_absent", |b| Box::pin(removed(b))),
    Case::new("lifecycle.a_created_task_can_be_removed", |b| Box::pin(never_started(b))),
    Case::new("lifecycle.a_running_task_is_not_removed", |b| Box::pin(not_removed(b))),
    Case::new("lifecycle.a_pod_with_a_running_task_goes_on", |b| Box::pin(pod_goes_on(b))),
    Case::new("lifecycle.tasks_of_one_pod_are_apart", |b| Box::pin(siblings(b))),
    Case::new("lifecycle.pods_are_apart", |b| Box::pin(pods(b))),
    Case::new("lifecycle.attempts_are_apart", |b| Box::pin(attempts(b))),
    Case::new("lifecycle.many_tasks_leave_nothing", |b| Box::pin(many(b))),
];

async fn healthy(b: &Bench<'_>) -> Verdict {
    same("health", Health::Healthy, b.executor().health().await)?;
    let prepared = b.executor().prepare(&b.subject().image).await;
    prepared.map_err(Failure::call("preparing the probe's image"))?;
    let again = b.executor().prepare(&b.subject().image).await;
    again.map_err(Failure::call("preparing the probe's image again"))
}

async fn absent(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    same("a task that never was", Observed::Absent, b.observe(&spec.id).await)
}

async fn created(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=ran", "hang"]);
    b.create(&spec).await?;
    same("a created task", Observed::Created, b.observe(&spec.id).await)?;
    // Another task runs and ends meanwhile: a task that started by itself had its time.
    b.run_out(&b.task("other", &["exit=0"])).await?;
    same("a created task", Observed::Created, b.observe(&spec.id).await)?;
    same("its output", Vec::<String>::new(), b.texts(&spec)?)
}

async fn runs(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    let started = b.run_up(&spec).await?;
    holds("a start has a time", started.started_ms > 0, &started)?;
    holds("a start names what it started", !started.external_id.is_empty(), &started)?;
    let observed = b.observe(&spec.id).await;
    holds("it runs", matches!(observed, Observed::Running(_)), observed)
}

async fn repeats(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["hang"]);
    let started = b.run(&spec).await?;
    for _ in 0..3 {
        same("a running task", Observed::Running(started.clone()), b.observe(&spec.id).await)?;
    }
    Ok(())
}

async fn ends(b: &Bench<'_>) -> Verdict {
    let record = b.run_out(&b.task("main", &["exit=0"])).await?;
    holds("it succeeded", record.succeeded(), &record)
}

async fn times(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    let started = b.run(&spec).await?;
    let record = b.exit(&spec.id).await?;
    same("the start in the record", started.started_ms, record.started_ms)?;
    let in_order = 0 < record.started_ms && record.started_ms <= record.finished_ms;
    holds("start comes before end", in_order, &record)
}

async fn kept(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=4"]);
    let record = b.run_out(&spec).await?;
    for _ in 0..3 {
        same("an ended task", Observed::Exited(record.clone()), b.observe(&spec.id).await)?;
    }
    Ok(())
}

async fn removed(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    b.run_out(&spec).await?;
    b.remove(&spec.id).await?;
    same("a removed task", Observed::Absent, b.observe(&spec.id).await)
}

async fn never_started(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=ran"]);
    b.create(&spec).await?;
    b.remove(&spec.id).await?;
    same("a removed task", Observed::Absent, b.observe(&spec.id).await)?;
    same("its output", Vec::<String>::new(), b.texts(&spec)?)
}

async fn not_removed(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "trap=15:7", "out=trapped", "hang"]);
    b.run(&spec).await?;
    b.said(&spec, "trapped").await?;
    let answer = b.executor().remove(&spec.id).await;
    holds("removing a running task is refused", answer.is_err(), answer)?;
    let observed = b.observe(&spec.id).await;
    holds("it still runs", matches!(observed, Observed::Running(_)), observed)
}

async fn pod_goes_on(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    let started = b.run_up(&spec).await?;
    // Refused or without effect: both leave the task alone.
    let _ = b.executor().remove_pod(&spec.id.pod).await;
    same("a running task", Observed::Running(started), b.observe(&spec.id).await)
}

async fn siblings(b: &Bench<'_>) -> Verdict {
    let (left, right) = (b.task("left", &["exit=3"]), b.task("right", &["out=up", "hang"]));
    b.run_up(&right).await?;
    same("the left task's code", Some(3), b.run_out(&left).await?.code)?;
    b.remove(&left.id).await?;
    let observed = b.observe(&right.id).await;
    holds("the right task runs", matches!(observed, Observed::Running(_)), observed)
}

async fn pods(b: &Bench<'_>) -> Verdict {
    let other = b.another_pod();
    let (mine, theirs) = (b.task("main", &["exit=5"]), b.task_of(&other, "main", &["hang"]));
    b.run(&theirs).await?;
    same("this pod's task's code", Some(5), b.run_out(&mine).await?.code)?;
    b.remove(&mine.id).await?;
    let freed = b.executor().remove_pod(&mine.id.pod).await;
    freed.map_err(Failure::call("freeing the pod"))?;
    let observed = b.observe(&theirs.id).await;
    holds("the other pod's task runs", matches!(observed, Observed::Running(_)), observed)
}

async fn attempts(b: &Bench<'_>) -> Verdict {
    let first = b.task("main", &["exit=1"]);
    let second = b.next(&first, &["exit=2"]);
    same("the first attempt's code", Some(1), b.run_out(&first).await?.code)?;
    same("the second attempt", Observed::Absent, b.observe(&second.id).await)?;
    same("the second attempt's code", Some(2), b.run_out(&second).await?.code)?;
    let observed = b.observe(&first.id).await;
    let kept = matches!(&observed, Observed::Exited(record) if record.code == Some(1));
    holds("the first attempt's record is kept", kept, observed)
}

async fn many(b: &Bench<'_>) -> Verdict {
    let (mut pods, executor) = (Vec::new(), b.executor());
    for round in 0..6 {
        let pod = b.another_pod();
        let spec = b.task_of(&pod, "main", if round % 2 == 0 { &["exit=0"] } else { &["hang"] });
        b.run(&spec).await?;
        b.stop(&spec.id, Stop::Kill).await?;
        b.exit(&spec.id).await?;
        b.remove(&spec.id).await?;
        executor.remove_pod(&pod).await.map_err(Failure::call("freeing the pod"))?;
        pods.push(pod);
    }
    let found = executor.adopt().await.map_err(Failure::call("listing the tasks"))?;
    let left: Vec<_> = found.iter().filter(|found| pods.contains(&found.task.pod)).collect();
    holds("no removed task is listed", left.is_empty(), &left)?;
    if b.subject().shares_processes { b.deserted("after their removal") } else { Ok(()) }
}
