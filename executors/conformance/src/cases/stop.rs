//! The ladder of a stop, and what is left after it.

use crate::failure::{holds, same};
use crate::{Bench, Case, Need, Verdict};
use quorate_executor::{Observed, Stop};
use std::time::Duration;

/// Longer than any case may take.
const EVER: Stop = Stop::Graceful { grace: Duration::from_secs(3600) };

pub(super) const CASES: &[Case] = &[
    Case::new("stop.a_graceful_stop_lets_a_task_end_by_itself", |b| Box::pin(graceful(b))),
    Case::new("stop.term_ends_a_task_that_does_not_mind_it", |b| Box::pin(term(b)))
        .with(&[Need::ExitSignals]),
    Case::new("stop.a_task_that_ignores_term_is_killed_after_its_grace", |b| Box::pin(ladder(b))),
    Case::new("stop.grace_is_not_cut_short", |b| Box::pin(grace(b))),
    Case::new("stop.a_kill_needs_no_grace", |b| Box::pin(kill(b))),
    Case::new("stop.a_kill_overrides_a_grace", |b| Box::pin(kill_overrides(b))),
    Case::new("stop.a_shorter_grace_overrides_a_longer_one", |b| Box::pin(shorter(b))),
    Case::new("stop.a_stop_answers_before_the_task_has_ended", |b| Box::pin(at_once(b))),
    Case::new("stop.a_created_task_needs_none", |b| Box::pin(created(b))),
    Case::new("stop.no_child_is_left", |b| Box::pin(child(b))).with(&[Need::Processes]),
    Case::new("stop.no_daemon_is_left", |b| Box::pin(daemon(b)))
        .with(&[Need::Processes, Need::ContainsDescendants]),
    Case::new("stop.no_daemon_outlives_a_task_that_ends_by_itself", |b| Box::pin(outlived(b)))
        .with(&[Need::Processes, Need::ContainsDescendants]),
    Case::new("stop.a_neighbour_is_left_alone", |b| Box::pin(neighbour(b))),
];

const STUBBORN: [&str; 4] = ["ignore=15", "ignore=1", "out=up", "hang"];

async fn graceful(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["trap=15:7", "out=up", "hang"]);
    b.run_up(&spec).await?;
    b.stop(&spec.id, EVER).await?;
    let record = b.exit(&spec.id).await?;
    same("code and signal", (Some(7), None), (record.code, record.signal))
}

async fn term(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    b.run_up(&spec).await?;
    b.stop(&spec.id, EVER).await?;
    let record = b.exit(&spec.id).await?;
    same("code and signal", (None, Some(15)), (record.code, record.signal))
}

async fn ladder(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &STUBBORN);
    b.run_up(&spec).await?;
    b.stop(&spec.id, Stop::Graceful { grace: Duration::from_millis(50) }).await?;
    let record = b.exit(&spec.id).await?;
    same("code and signal", (None, Some(9)), (record.code, record.signal))
}

async fn grace(b: &Bench<'_>) -> Verdict {
    const GRACE: Duration = Duration::from_secs(1);
    let spec = b.task("main", &STUBBORN);
    b.run_up(&spec).await?;
    let clock = &b.subject().clock;
    let begin = clock.now();
    b.stop(&spec.id, Stop::Graceful { grace: GRACE }).await?;
    b.exit(&spec.id).await?;
    let took = clock.now() - begin;
    holds("the task lived for its grace", took >= GRACE, took)
}

async fn kill(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &STUBBORN);
    b.run_up(&spec).await?;
    b.stop(&spec.id, Stop::Kill).await?;
    same("the signal", Some(9), b.exit(&spec.id).await?.signal)
}

async fn kill_overrides(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &STUBBORN);
    b.run_up(&spec).await?;
    b.answer("a stop answers", b.stop(&spec.id, EVER)).await??;
    b.answer("a kill answers", b.stop(&spec.id, Stop::Kill)).await??;
    same("the signal", Some(9), b.exit(&spec.id).await?.signal)
}

async fn shorter(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &STUBBORN);
    b.run_up(&spec).await?;
    b.answer("a stop answers", b.stop(&spec.id, EVER)).await??;
    let soon = Stop::Graceful { grace: Duration::from_millis(20) };
    b.answer("a stop answers", b.stop(&spec.id, soon)).await??;
    same("the signal", Some(9), b.exit(&spec.id).await?.signal)
}

async fn at_once(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &STUBBORN);
    b.run_up(&spec).await?;
    b.answer("a stop answers", b.stop(&spec.id, EVER)).await??;
    let observed = b.observe(&spec.id).await;
    holds("the task still runs", matches!(observed, Observed::Running(_)), observed)
}

async fn created(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=ran"]);
    b.create(&spec).await?;
    b.stop(&spec.id, Stop::Kill).await?;
    b.remove(&spec.id).await?;
    same("its output", Vec::<String>::new(), b.texts(&spec)?)
}

async fn child(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["spawn=ignore=15 out=up hang", "ignore=15", "hang"]);
    b.run_up(&spec).await?;
    b.stop(&spec.id, Stop::Kill).await?;
    b.exit(&spec.id).await?;
    b.deserted("after its end")
}

async fn daemon(b: &Bench<'_>) -> Verdict {
    let first = b.task("main", &["daemon", "out=up", "ignore=15", "hang"]);
    let second = b.next(&first, &["daemon", "out=up", "ignore=15", "hang"]);
    let soon = Stop::Graceful { grace: Duration::from_millis(20) };
    for (spec, how) in [(first, Stop::Kill), (second, soon)] {
        b.run_up(&spec).await?;
        b.stop(&spec.id, how).await?;
        b.exit(&spec.id).await?;
        b.deserted("after its end")?;
    }
    Ok(())
}

async fn outlived(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["daemon", "exit=5"]);
    same("the code", Some(5), b.run_out(&spec).await?.code)?;
    b.deserted("after its end")
}

async fn neighbour(b: &Bench<'_>) -> Verdict {
    let (left, right) = (b.task("left", &STUBBORN), b.task("right", &STUBBORN));
    b.run_up(&left).await?;
    let started = b.run_up(&right).await?;
    b.stop(&left.id, Stop::Kill).await?;
    b.exit(&left.id).await?;
    same("the neighbour", Observed::Running(started), b.observe(&right.id).await)
}
