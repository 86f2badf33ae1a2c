//! Bad input: an answer with the reason, and nothing that runs.

use crate::failure::{holds, same};
use crate::{Bench, Case, Failure, Verdict};
use quorate_executor::{Error, ExitCause, Observed, Stop, TaskSpec};

pub(super) const CASES: &[Case] = &[
    Case::new("errors.a_missing_image_is_an_answer", |b| Box::pin(image(b))),
    Case::new("errors.a_task_of_a_missing_image_is_not_created", |b| Box::pin(image_task(b))),
    Case::new("errors.a_missing_program_is_a_failed_start", |b| Box::pin(program(b))),
    Case::new("errors.a_failed_start_fails_the_same_way_again", |b| Box::pin(fails_again(b))),
    Case::new("errors.a_failed_start_can_be_removed", |b| Box::pin(fails_removed(b))),
    Case::new("errors.an_unknown_task_cannot_be_started", |b| Box::pin(unknown_start(b))),
    Case::new("errors.an_unknown_task_needs_no_stop_and_no_removal", |b| Box::pin(unknown(b))),
    Case::new("errors.a_removed_task_cannot_be_started", |b| Box::pin(removed_start(b))),
    Case::new("errors.a_name_with_a_slash_is_refused", |b| Box::pin(slash(b))),
    Case::new("errors.an_empty_name_is_refused", |b| Box::pin(empty(b))),
    Case::new("errors.a_zero_byte_is_refused", |b| Box::pin(zero(b))),
    Case::new("errors.a_variable_with_an_equals_sign_is_refused", |b| Box::pin(variable(b))),
    Case::new("errors.a_relative_log_is_refused", |b| Box::pin(relative(b))),
    Case::new("errors.an_odd_identity_is_no_panic", |b| Box::pin(odd(b))),
];

async fn image(b: &Bench<'_>) -> Verdict {
    let image = &b.subject().missing_image;
    let answer = b.executor().prepare(image).await;
    let Err(error) = answer else { return Err(Failure::differs("preparing it", "Err", answer)) };
    holds("it is an artefact's error", matches!(error, Error::Artifact { .. }), &error)?;
    holds("trying again is no use", !error.is_transient(), &error)?;
    holds("it names the image", error.to_string().contains(image), &error)
}

async fn image_task(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["exit=0"]);
    spec.image.clone_from(&b.subject().missing_image);
    let answer = b.executor().create(&spec).await;
    b.keep(&spec.id);
    holds("it is refused", matches!(answer, Err(Error::Artifact { .. })), &answer)?;
    same("the task", Observed::Absent, b.observe(&spec.id).await)
}

/// A task whose program does not exist, created.
async fn missing(b: &Bench<'_>) -> Result<TaskSpec, Failure> {
    let mut spec = b.task("main", &["exit=0"]);
    spec.command = vec!["/nonexistent/program".to_owned()];
    b.create(&spec).await?;
    Ok(spec)
}

async fn program(b: &Bench<'_>) -> Verdict {
    let spec = missing(b).await?;
    let answer = b.executor().start(&spec.id).await;
    let Err(error) = answer else { return Err(Failure::differs("starting it", "Err", answer)) };
    holds("it is a failed start", matches!(error, Error::Start { .. }), &error)?;
    holds("trying again is no use", !error.is_transient(), &error)?;
    holds("it names the task", error.to_string().contains(&spec.id.to_string()), &error)?;
    let record = b.exit(&spec.id).await?;
    let failed = matches!(&record.cause, ExitCause::StartFailed(reason) if !reason.is_empty());
    holds("the record says that it never ran, and why", failed, &record)?;
    same("code and signal", (None, None), (record.code, record.signal))
}

async fn fails_again(b: &Bench<'_>) -> Verdict {
    let spec = missing(b).await?;
    for _ in 0..2 {
        let answer = b.executor().start(&spec.id).await;
        holds("it is a failed start", matches!(answer, Err(Error::Start { .. })), &answer)?;
    }
    Ok(())
}

async fn fails_removed(b: &Bench<'_>) -> Verdict {
    let spec = missing(b).await?;
    let answer = b.executor().start(&spec.id).await;
    holds("it does not start", answer.is_err(), answer)?;
    b.remove(&spec.id).await?;
    same("the task", Observed::Absent, b.observe(&spec.id).await)
}

async fn unknown_start(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    let answer = b.executor().start(&spec.id).await;
    holds("it is absent", matches!(answer, Err(Error::Absent(_))), &answer)?;
    same("the task", Observed::Absent, b.observe(&spec.id).await)
}

async fn unknown(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    b.stop(&spec.id, Stop::Kill).await?;
    b.stop(&spec.id, Stop::Graceful { grace: std::time::Duration::from_secs(1) }).await?;
    b.remove(&spec.id).await?;
    let freed = b.executor().remove_pod(&spec.id.pod).await;
    freed.map_err(Failure::call("freeing a pod that never was"))
}

async fn removed_start(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["out=ran"]);
    b.create(&spec).await?;
    b.remove(&spec.id).await?;
    let answer = b.executor().start(&spec.id).await;
    holds("it is absent", matches!(answer, Err(Error::Absent(_))), &answer)
}

/// Demands that a specification is refused as contradictory and leaves nothing.
async fn refused(b: &Bench<'_>, spec: &TaskSpec) -> Verdict {
    let answer = b.executor().create(spec).await;
    if answer.is_ok() {
        b.keep(&spec.id);
    }
    holds("it is refused as invalid", matches!(answer, Err(Error::Invalid { .. })), &answer)?;
    same("the task", Observed::Absent, b.observe(&spec.id).await)
}

async fn slash(b: &Bench<'_>) -> Verdict {
    refused(b, &b.task("../up", &["exit=0"])).await
}

async fn empty(b: &Bench<'_>) -> Verdict {
    refused(b, &b.task("", &["exit=0"])).await
}

async fn zero(b: &Bench<'_>) -> Verdict {
    refused(b, &b.task("main", &["out=a\0b"])).await?;
    let mut spec = b.task("main", &["exit=0"]);
    spec.env = vec![("A".to_owned(), "a\0b".to_owned())];
    refused(b, &spec).await
}

async fn variable(b: &Bench<'_>) -> Verdict {
    for name in ["", "A=B"] {
        let mut spec = b.task("main", &["exit=0"]);
        spec.env = vec![(name.to_owned(), "value".to_owned())];
        refused(b, &spec).await?;
    }
    Ok(())
}

async fn relative(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["exit=0"]);
    spec.log_path = "log".into();
    refused(b, &spec).await
}

async fn odd(b: &Bench<'_>) -> Verdict {
    for name in ["..", "/", "a b", "\n", "ü"] {
        let task = b.task(name, &["exit=0"]).id;
        same("a task that cannot be", Observed::Absent, b.observe(&task).await)?;
        b.stop(&task, Stop::Kill).await?;
        b.remove(&task).await?;
    }
    Ok(())
}
