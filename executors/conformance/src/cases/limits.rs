//! Limits that are claimed are enforced, and their breach is told.

use crate::failure::{holds, same};
use crate::{Bench, Case, Failure, Need, Verdict};
use quorate_executor::{Error, ExitCause, Observed};

pub(super) const CASES: &[Case] = &[
    Case::new("limits.a_task_within_its_memory_is_left_alone", |b| Box::pin(within(b)))
        .with(&[Need::LimitsMemory]),
    Case::new("limits.a_task_beyond_its_memory_is_out_of_memory", |b| Box::pin(beyond(b)))
        .with(&[Need::LimitsMemory]),
    Case::new("limits.a_task_cannot_have_more_processes", |b| Box::pin(pids(b)))
        .with(&[Need::LimitsPids]),
    Case::new("limits.a_task_cannot_have_more_cpu", |b| Box::pin(cpu(b)))
        .with(&[Need::LimitsCpu, Need::Usage]),
    Case::new("limits.without_limits_memory_is_not_limited", |b| Box::pin(much_memory(b))),
    Case::new("limits.without_limits_processes_are_not_limited", |b| Box::pin(many_processes(b)))
        .with(&[Need::Unix]),
    Case::new("limits.usage_is_measured", |b| Box::pin(usage(b))).with(&[Need::Usage]),
    Case::new("limits.what_does_not_run_has_no_usage", |b| Box::pin(no_usage(b)))
        .with(&[Need::Usage]),
    Case::new("limits.usage_that_is_not_offered_is_unsupported", |b| Box::pin(not_offered(b)))
        .without(Need::Usage),
];

const MIB: u64 = 1 << 20;

async fn within(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["alloc=32", "exit=4"]);
    spec.resources.memory_bytes = Some(128 * MIB);
    same("the code", Some(4), b.run_out(&spec).await?.code)
}

async fn beyond(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["alloc=256", "exit=4"]);
    spec.resources.memory_bytes = Some(48 * MIB);
    let record = b.run_out(&spec).await?;
    let limit_bytes = Some(48 * MIB);
    same("the cause", ExitCause::OutOfMemory { limit_bytes }, record.cause.clone())?;
    same("code and signal", (None, Some(9)), (record.code, record.signal))
}

async fn pids(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["crowd=64"]);
    spec.resources.pids = Some(16);
    b.run_out(&spec).await?;
    let children = crowd(b, &spec)?;
    holds("some children, and not as many as it wanted", (1..16).contains(&children), children)
}

async fn much_memory(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["alloc=64", "exit=0"]);
    same("the code", Some(0), b.run_out(&spec).await?.code)
}

async fn many_processes(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["crowd=32", "exit=0"]);
    same("the code", Some(0), b.run_out(&spec).await?.code)?;
    same("children", 32, crowd(b, &spec)?)
}

fn crowd(b: &Bench<'_>, spec: &quorate_executor::TaskSpec) -> Result<usize, Failure> {
    let texts = b.texts(spec)?;
    let count = texts.iter().find_map(|text| text.strip_prefix("children ")?.parse().ok());
    count.ok_or_else(|| Failure::differs("what it says", "how many children it has", texts))
}

/// An upper bound only: how slow a busy machine makes a task says nothing of the limit.
async fn cpu(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["out=up", "spin=3600000"]);
    spec.resources.cpu_milli = Some(200);
    b.run_up(&spec).await?;
    let (clock, executor) = (&b.subject().clock, b.executor());
    let used = async || executor.usage(&spec.id).await.map_err(Failure::call("measuring"));
    let (begin, before) = (clock.now(), used().await?);
    clock.sleep(std::time::Duration::from_secs(3)).await;
    let after = used().await?;
    let wall_us = u64::try_from((clock.now() - begin).as_micros()).unwrap_or(u64::MAX);
    let cpu_us = after.cpu_us.saturating_sub(before.cpu_us);
    // A fifth of the time, a period of 100 ms more, and a half for what is measured too late.
    holds("it gets no more than its share", cpu_us <= wall_us / 5 * 3 / 2 + 100_000, cpu_us)
}

async fn usage(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["alloc=16", "out=up", "spin=3600000"]);
    b.run_up(&spec).await?;
    let executor = b.executor();
    let first = executor.usage(&spec.id).await.map_err(Failure::call("measuring"))?;
    holds("it holds what it allocated", first.memory_bytes >= 16 * MIB, first)?;
    holds("it has a process", first.pids >= 1, first)?;
    b.until("its CPU time grows", async || {
        let now = executor.usage(&spec.id).await.map_err(|error| error.to_string())?;
        if now.cpu_us > first.cpu_us { Ok(()) } else { Err(format!("{now:?} after {first:?}")) }
    })
    .await
}

async fn no_usage(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    let answer = b.executor().usage(&spec.id).await;
    holds("an absent task has none", matches!(answer, Err(Error::Absent(_))), &answer)?;
    b.run_out(&spec).await?;
    let answer = b.executor().usage(&spec.id).await;
    holds("an ended task has none", answer.is_err(), &answer)?;
    let observed = b.observe(&spec.id).await;
    holds("it is an ended task", matches!(observed, Observed::Exited(_)), observed)
}

async fn not_offered(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    b.run_up(&spec).await?;
    let answer = b.executor().usage(&spec.id).await;
    holds("it is unsupported", matches!(answer, Err(Error::Unsupported { .. })), &answer)
}
