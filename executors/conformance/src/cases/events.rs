//! Hints: they come, they are about tasks that exist, and what they hint at is so.

use crate::failure::holds;
use crate::{Bench, Case, Failure, Need, Verdict};
use futures::stream::{BoxStream, StreamExt};
use quorate_executor::{Event, Observed, Stop, TaskId};

pub(super) const CASES: &[Case] = &[
    Case::new("events.an_end_is_hinted", |b| Box::pin(end(b))),
    Case::new("events.every_end_is_hinted", |b| Box::pin(every_end(b))),
    Case::new("events.a_start_is_hinted_no_later_than_the_end", |b| Box::pin(start(b))),
    Case::new("events.hints_are_about_tasks_that_exist", |b| Box::pin(known(b))),
    Case::new("events.hints_are_few", |b| Box::pin(few(b))),
    Case::new("events.everyone_who_listens_is_told", |b| Box::pin(everyone(b))),
    Case::new("events.a_new_agent_is_told", |b| Box::pin(new_agent(b)))
        .with(&[Need::SurvivesAgent]),
];

/// The most hints that one run of a task is worth: created, started, ended, each twice, and some.
const FEW: usize = 12;

/// Takes hints until one comes after which the task is seen to have ended.
async fn end_hint(
    b: &Bench<'_>,
    events: &mut BoxStream<'static, Event>,
    task: &TaskId,
) -> Result<Vec<Event>, Failure> {
    let mut seen = Vec::new();
    b.answer(&format!("a hint comes at the end of {task}"), async {
        while let Some(event) = events.next().await {
            let about_it = event.task == *task;
            seen.push(event);
            if about_it && matches!(b.observe(task).await, Observed::Exited(_)) {
                return Ok(seen);
            }
        }
        Err(Failure::differs("the stream of events", "no end", "its end"))
    })
    .await?
}

async fn end(b: &Bench<'_>) -> Verdict {
    let mut events = b.executor().events();
    let spec = b.task("main", &["exit=0"]);
    b.run(&spec).await?;
    end_hint(b, &mut events, &spec.id).await.map(drop)
}

async fn every_end(b: &Bench<'_>) -> Verdict {
    for at in 0..3 {
        let mut events = b.executor().events();
        let spec = b.task(&format!("main-{at}"), &["out=up", "hang"]);
        b.run_up(&spec).await?;
        b.stop(&spec.id, Stop::Kill).await?;
        end_hint(b, &mut events, &spec.id).await?;
    }
    Ok(())
}

async fn start(b: &Bench<'_>) -> Verdict {
    let mut events = b.executor().events();
    let spec = b.task("main", &["exit=0"]);
    b.run(&spec).await?;
    // Others may come first: of tasks that have just been removed.
    b.answer("a hint comes", async {
        while let Some(event) = events.next().await {
            if event.task == spec.id {
                return Ok(());
            }
        }
        Err(Failure::differs("the stream of events", "no end", "its end"))
    })
    .await?
}

async fn known(b: &Bench<'_>) -> Verdict {
    let mut events = b.executor().events();
    let spec = b.task("main", &["exit=0"]);
    b.run(&spec).await?;
    let seen = end_hint(b, &mut events, &spec.id).await?;
    let foreign: Vec<_> = seen
        .iter()
        .filter(|event| event.task.pod == spec.id.pod && event.task != spec.id)
        .collect();
    holds("no hint is about a task that never was", foreign.is_empty(), &foreign)
}

async fn few(b: &Bench<'_>) -> Verdict {
    let mut events = b.executor().events();
    let spec = b.task("main", &["exit=0"]);
    b.run(&spec).await?;
    let mut seen = end_hint(b, &mut events, &spec.id).await?;
    // A second task's end comes after all hints about the first one.
    let marker = b.task("marker", &["exit=0"]);
    b.run(&marker).await?;
    seen.extend(end_hint(b, &mut events, &marker.id).await?);
    let about = seen.iter().filter(|event| event.task == spec.id).count();
    holds("hints about one run are few", about <= FEW, about)
}

async fn everyone(b: &Bench<'_>) -> Verdict {
    let executor = b.executor();
    let mut listeners = [executor.events(), executor.events()];
    let spec = b.task("main", &["exit=0"]);
    b.run(&spec).await?;
    for events in &mut listeners {
        end_hint(b, events, &spec.id).await?;
    }
    Ok(())
}

async fn new_agent(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    b.run_up(&spec).await?;
    b.restart().await?;
    let mut events = b.executor().events();
    b.executor().adopt().await.map_err(Failure::call("adopting"))?;
    b.stop(&spec.id, Stop::Kill).await?;
    end_hint(b, &mut events, &spec.id).await.map(drop)
}
