//! Calling twice is as good as calling once, and calling halfway as good as calling again.

use crate::failure::{holds, same};
use crate::{Bench, Case, Failure, Verdict};
use futures::future::{join, poll_fn};
use quorate_executor::{Observed, Stop};
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

pub(super) const CASES: &[Case] = &[
    Case::new("idempotency.creating_twice", |b| Box::pin(create_twice(b))),
    Case::new("idempotency.starting_twice_runs_once", |b| Box::pin(start_twice(b))),
    Case::new("idempotency.starting_twice_at_once_runs_once", |b| Box::pin(start_at_once(b))),
    Case::new("idempotency.creating_a_running_task_again", |b| Box::pin(create_running(b))),
    Case::new("idempotency.creating_an_ended_task_keeps_its_end", |b| Box::pin(create_ended(b))),
    Case::new("idempotency.an_ended_task_is_not_started_again", |b| Box::pin(start_ended(b))),
    Case::new("idempotency.stopping_twice", |b| Box::pin(stop_twice(b))),
    Case::new("idempotency.stopping_an_ended_task_keeps_its_end", |b| Box::pin(stop_ended(b))),
    Case::new("idempotency.removing_twice", |b| Box::pin(remove_twice(b))),
    Case::new("idempotency.freeing_a_pod_twice", |b| Box::pin(free_twice(b))),
    Case::new("idempotency.a_creation_that_was_given_up", |b| Box::pin(create_cancelled(b))),
    Case::new("idempotency.a_start_that_was_given_up", |b| Box::pin(start_cancelled(b))),
    Case::new("idempotency.a_removal_that_was_given_up", |b| Box::pin(remove_cancelled(b))),
];

async fn create_twice(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=ran", "exit=6"]);
    b.create(&spec).await?;
    b.create(&spec).await?;
    same("the code", Some(6), b.run_out(&spec).await?.code)?;
    same("its output", vec!["ran".to_owned()], b.texts(&spec)?)
}

async fn start_twice(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "trap=15:7", "out=trapped", "hang"]);
    let first = b.run(&spec).await?;
    b.said(&spec, "trapped").await?;
    same("the second answer", first, b.start(&spec.id).await?)?;
    ran_once(b, &spec).await
}

async fn start_at_once(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "trap=15:7", "out=trapped", "hang"]);
    b.create(&spec).await?;
    let (first, second) = join(b.start(&spec.id), b.start(&spec.id)).await;
    same("the two answers", first?, second?)?;
    b.said(&spec, "trapped").await?;
    ran_once(b, &spec).await
}

/// Ends a task that traps TERM with code 7, and demands that it has run once and nothing is left.
async fn ran_once(b: &Bench<'_>, spec: &quorate_executor::TaskSpec) -> Verdict {
    b.stop(&spec.id, Stop::Graceful { grace: Duration::from_secs(600) }).await?;
    same("the code", Some(7), b.exit(&spec.id).await?.code)?;
    same("its output", vec!["up".to_owned(), "trapped".to_owned()], b.texts(spec)?)?;
    if b.subject().shares_processes { b.deserted("after its end") } else { Ok(()) }
}

async fn create_running(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    let started = b.run_up(&spec).await?;
    b.create(&spec).await?;
    same("the running task", Observed::Running(started), b.observe(&spec.id).await)?;
    same("its output", vec!["up".to_owned()], b.texts(&spec)?)
}

async fn create_ended(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=ran", "exit=9"]);
    let record = b.run_out(&spec).await?;
    b.create(&spec).await?;
    same("the ended task", Observed::Exited(record), b.observe(&spec.id).await)?;
    same("its output", vec!["ran".to_owned()], b.texts(&spec)?)
}

async fn start_ended(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=ran", "exit=0"]);
    let record = b.run_out(&spec).await?;
    let answer = b.executor().start(&spec.id).await;
    holds("starting an ended task is refused", answer.is_err(), answer)?;
    same("the ended task", Observed::Exited(record), b.observe(&spec.id).await)?;
    same("its output", vec!["ran".to_owned()], b.texts(&spec)?)
}

async fn stop_twice(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    b.run_up(&spec).await?;
    b.stop(&spec.id, Stop::Kill).await?;
    b.stop(&spec.id, Stop::Kill).await?;
    b.exit(&spec.id).await.map(drop)
}

async fn stop_ended(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=3"]);
    let record = b.run_out(&spec).await?;
    for how in [Stop::Kill, Stop::Graceful { grace: Duration::ZERO }] {
        b.stop(&spec.id, how).await?;
        same("the ended task", Observed::Exited(record.clone()), b.observe(&spec.id).await)?;
    }
    Ok(())
}

async fn remove_twice(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    b.run_out(&spec).await?;
    b.remove(&spec.id).await?;
    b.remove(&spec.id).await
}

async fn free_twice(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    b.run_out(&spec).await?;
    b.remove(&spec.id).await?;
    for _ in 0..2 {
        let freed = b.executor().remove_pod(&spec.id.pod).await;
        freed.map_err(Failure::call("freeing the pod"))?;
    }
    Ok(())
}

/// How often a call is polled before it is given up: each number ends at another await point.
const POLLS: [usize; 5] = [0, 1, 2, 3, 5];

async fn create_cancelled(b: &Bench<'_>) -> Verdict {
    for (at, polls) in POLLS.iter().enumerate() {
        let spec = b.task(&format!("main-{at}"), &["out=ran", "exit=2"]);
        b.keep(&spec.id);
        give_up(*polls, b.executor().create(&spec)).await;
        let observed = b.observe(&spec.id).await;
        let one_of = matches!(observed, Observed::Absent | Observed::Created);
        holds("half a creation leaves nothing or a created task", one_of, observed)?;
        same("the code", Some(2), b.run_out(&spec).await?.code)?;
        same("its output", vec!["ran".to_owned()], b.texts(&spec)?)?;
    }
    Ok(())
}

async fn start_cancelled(b: &Bench<'_>) -> Verdict {
    for (at, polls) in POLLS.iter().enumerate() {
        let spec = b.task(&format!("main-{at}"), &["out=up", "trap=15:7", "out=trapped", "hang"]);
        b.create(&spec).await?;
        give_up(*polls, b.executor().start(&spec.id)).await;
        b.start(&spec.id).await?;
        b.said(&spec, "trapped").await?;
        ran_once(b, &spec).await?;
    }
    Ok(())
}

async fn remove_cancelled(b: &Bench<'_>) -> Verdict {
    for (at, polls) in POLLS.iter().enumerate() {
        let spec = b.task(&format!("main-{at}"), &["exit=0"]);
        let record = b.run_out(&spec).await?;
        give_up(*polls, b.executor().remove(&spec.id)).await;
        let observed = b.observe(&spec.id).await;
        let one_of = [Observed::Absent, Observed::Exited(record)].contains(&observed);
        holds("half a removal leaves the end or nothing", one_of, observed)?;
        b.remove(&spec.id).await?;
        same("a removed task", Observed::Absent, b.observe(&spec.id).await)?;
    }
    Ok(())
}

/// Polls a future so many times, each time it wants to be, then drops it.
async fn give_up<T>(polls: usize, future: impl Future<Output = T>) {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        let ended = future.as_mut().poll(cx).is_ready();
        if ended || left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
