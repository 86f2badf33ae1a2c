//! Agents come and go, backends fall silent; tasks are found again as they are.

use crate::failure::{holds, same};
use crate::{Bench, Case, Failure, Need, Verdict};
use quorate_executor::{Found, Observed, Stop, TaskId, TaskSpec};
use std::time::Duration;

pub(super) const CASES: &[Case] = &[
    Case::new("recovery.a_list_holds_every_task_once", |b| Box::pin(once(b))),
    Case::new("recovery.a_list_says_what_observing_says", |b| Box::pin(agrees(b))),
    survivor("recovery.a_running_task_is_found_and_not_started_again", |b| Box::pin(running(b))),
    survivor("recovery.an_ended_task_is_found_with_its_code", |b| Box::pin(ended(b))),
    survivor("recovery.a_created_task_is_found_and_can_be_started", |b| Box::pin(created(b))),
    survivor("recovery.a_failed_start_is_found_as_such", |b| Box::pin(failed(b))),
    survivor("recovery.a_removed_task_is_not_found", |b| Box::pin(removed(b))),
    survivor("recovery.an_end_while_nobody_looked_is_known", |b| Box::pin(away(b)))
        .with(&[Need::SurvivesAgent, Need::Files]),
    survivor("recovery.output_goes_on_without_loss_or_repetition", |b| Box::pin(output(b)))
        .with(&[Need::SurvivesAgent, Need::Files]),
    survivor("recovery.a_new_agent_stops_what_an_old_one_started", |b| Box::pin(stopped(b))),
    survivor("recovery.a_kill_before_the_restart_is_remembered", |b| Box::pin(remembered(b))),
    survivor("recovery.a_grace_ends_although_its_agent_is_gone", |b| Box::pin(grace(b))),
    survivor("recovery.a_call_given_up_by_a_dead_agent_can_be_made_again", |b| Box::pin(again(b))),
    Case::new("recovery.a_silent_backend_is_unreachable_never_an_end", |b| Box::pin(silent(b)))
        .with(&[Need::Cut]),
];

const fn survivor(name: &'static str, action: crate::case::Action) -> Case {
    Case::new(name, action).with(&[Need::SurvivesAgent])
}

async fn listed(b: &Bench<'_>) -> Result<Vec<Found>, Failure> {
    b.executor().adopt().await.map_err(Failure::call("listing the tasks"))
}

fn of(found: &[Found], task: &TaskId) -> Vec<Observed> {
    let its = found.iter().filter(|found| found.task == *task);
    its.map(|found| found.observed.clone()).collect()
}

async fn once(b: &Bench<'_>) -> Verdict {
    let specs = ["one", "two", "three"].map(|name| b.task(name, &["hang"]));
    for spec in &specs {
        b.run(spec).await?;
    }
    let found = listed(b).await?;
    for spec in &specs {
        same("how often it is listed", 1, of(&found, &spec.id).len())?;
    }
    Ok(())
}

async fn agrees(b: &Bench<'_>) -> Verdict {
    let specs = three(b);
    b.create(&specs[0]).await?;
    b.run(&specs[1]).await?;
    b.run_out(&specs[2]).await?;
    let found = listed(b).await?;
    for spec in &specs {
        same("the listed state", vec![b.observe(&spec.id).await], of(&found, &spec.id))?;
    }
    Ok(())
}

/// Tasks for the three states: created, running, ended.
fn three(b: &Bench<'_>) -> [TaskSpec; 3] {
    [b.task("created", &["exit=0"]), b.task("running", &["hang"]), b.task("ended", &["exit=3"])]
}

async fn running(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["trap=15:7", "out=up", "hang"]);
    let started = b.run_up(&spec).await?;
    b.restart().await?;
    same("as listed", vec![Observed::Running(started.clone())], of(&listed(b).await?, &spec.id))?;
    same("a second start", started, b.start(&spec.id).await?)?;
    b.stop(&spec.id, Stop::Graceful { grace: Duration::from_secs(3600) }).await?;
    same("the code", Some(7), b.exit(&spec.id).await?.code)?;
    same("its output", vec!["up".to_owned()], b.texts(&spec)?)
}

async fn ended(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=12"]);
    let record = b.run_out(&spec).await?;
    b.restart().await?;
    same("as listed", vec![Observed::Exited(record)], of(&listed(b).await?, &spec.id))
}

async fn created(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=ran", "exit=13"]);
    b.create(&spec).await?;
    b.restart().await?;
    same("as listed", vec![Observed::Created], of(&listed(b).await?, &spec.id))?;
    b.create(&spec).await?;
    b.start(&spec.id).await?;
    same("the code", Some(13), b.exit(&spec.id).await?.code)?;
    same("its output", vec!["ran".to_owned()], b.texts(&spec)?)
}

async fn failed(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["exit=0"]);
    spec.command = vec!["/nonexistent/program".to_owned()];
    b.create(&spec).await?;
    let answer = b.executor().start(&spec.id).await;
    holds("it does not start", answer.is_err(), answer)?;
    let record = b.exit(&spec.id).await?;
    b.restart().await?;
    same("the task", Observed::Exited(record), b.observe(&spec.id).await)
}

async fn removed(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    b.run_out(&spec).await?;
    b.remove(&spec.id).await?;
    b.restart().await?;
    same("as listed", Vec::<Observed>::new(), of(&listed(b).await?, &spec.id))?;
    same("the task", Observed::Absent, b.observe(&spec.id).await)
}

async fn away(b: &Bench<'_>) -> Verdict {
    let (go, gone) = (b.file("go"), b.file("gone"));
    let steps = [
        "out=up".to_owned(),
        format!("wait={}", go.display()),
        "out=went".to_owned(),
        format!("write={}:now", gone.display()),
        "exit=8".to_owned(),
    ];
    let spec = b.task("main", &steps.each_ref().map(String::as_str));
    b.run_up(&spec).await?;
    b.restart().await?;
    std::fs::write(&go, "").map_err(Failure::kit("write a file"))?;
    b.until("it has done its last step", async || {
        gone.exists().then_some(()).ok_or_else(String::new)
    })
    .await?;
    b.restart().await?;
    same("the code", Some(8), b.exit(&spec.id).await?.code)?;
    same("its output", vec!["up".to_owned(), "went".to_owned()], b.texts(&spec)?)
}

async fn output(b: &Bench<'_>) -> Verdict {
    let go = b.file("go");
    let wait = format!("wait={}", go.display());
    let spec = b.task("main", &["lines=3000", "out=up", &wait, "lines=3000", "exit=0"]);
    b.run_up(&spec).await?;
    b.restart().await?;
    b.executor().adopt().await.map_err(Failure::call("adopting"))?;
    std::fs::write(&go, "").map_err(Failure::kit("write a file"))?;
    b.exit(&spec.id).await?;
    let line = |at| format!("line {at} of 3000");
    let half = || (0..3000).map(line);
    let expected: Vec<String> = half().chain(["up".to_owned()]).chain(half()).collect();
    let found = b.texts(&spec)?;
    same("how many lines there are", expected.len(), found.len())?;
    let wrong = expected.iter().zip(&found).find(|(expected, found)| expected != found);
    holds("every line is there once and in order", wrong.is_none(), wrong)
}

async fn stopped(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["ignore=15", "out=up", "hang"]);
    b.run_up(&spec).await?;
    b.restart().await?;
    b.stop(&spec.id, Stop::Kill).await?;
    same("the signal", Some(9), b.exit(&spec.id).await?.signal)
}

async fn remembered(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["ignore=15", "out=up", "hang"]);
    b.run_up(&spec).await?;
    b.stop(&spec.id, Stop::Kill).await?;
    b.restart().await?;
    let record = b.exit(&spec.id).await?;
    same("code and signal", (None, Some(9)), (record.code, record.signal))
}

async fn grace(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["ignore=15", "out=up", "hang"]);
    b.run_up(&spec).await?;
    b.stop(&spec.id, Stop::Graceful { grace: Duration::from_millis(200) }).await?;
    b.restart().await?;
    b.executor().adopt().await.map_err(Failure::call("adopting"))?;
    same("the signal", Some(9), b.exit(&spec.id).await?.signal)
}

async fn again(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["trap=15:7", "out=up", "hang"]);
    b.keep(&spec.id);
    // Asked once and never again: the agent died in between.
    drop(futures::poll!(b.executor().create(&spec)));
    b.restart().await?;
    b.create(&spec).await?;
    drop(futures::poll!(b.executor().start(&spec.id)));
    b.restart().await?;
    b.start(&spec.id).await?;
    b.said(&spec, "up").await?;
    b.stop(&spec.id, Stop::Graceful { grace: Duration::from_secs(3600) }).await?;
    same("the code", Some(7), b.exit(&spec.id).await?.code)?;
    same("its output", vec!["up".to_owned()], b.texts(&spec)?)
}

async fn silent(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=up", "hang"]);
    let started = b.run_up(&spec).await?;
    let Some(cut) = &b.subject().cut else { return Ok(()) };
    cut.cut();
    let observed = b.observe(&spec.id).await;
    cut.restore();
    holds("it is unreachable", matches!(observed, Observed::Unreachable(_)), observed)?;
    let what = "it is seen to run again";
    b.until(what, async || match b.observe(&spec.id).await {
        Observed::Running(again) if again == started => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
}
