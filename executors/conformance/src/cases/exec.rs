//! Further commands in a running task.

use crate::failure::{holds, same};
use crate::{Bench, Case, Failure, Need, Verdict};
use bytes::Bytes;
use futures::sink::SinkExt;
use futures::stream::StreamExt;
use quorate_executor::{Error, ExecEvent, ExecSession, ExecSpec, Observed, Stop, TaskSpec};

pub(super) const CASES: &[Case] = &[
    offered("exec.a_command_runs_and_its_end_is_told", |b| Box::pin(runs(b))),
    offered("exec.streams_are_apart", |b| Box::pin(streams(b))),
    offered("exec.every_byte_of_output_comes", |b| Box::pin(every_byte(b))),
    offered("exec.input_arrives_and_ends", |b| Box::pin(input(b))),
    offered("exec.without_input_it_ends_at_once", |b| Box::pin(no_input(b))),
    offered("exec.a_terminal_has_one_stream", |b| Box::pin(terminal(b))),
    offered("exec.it_runs_beside_the_task_and_leaves_it_alone", |b| Box::pin(beside(b))),
    offered("exec.its_output_is_not_in_the_log", |b| Box::pin(not_logged(b))),
    offered("exec.it_ends_with_its_task", |b| Box::pin(ends(b)))
        .with(&[Need::Exec, Need::Processes]),
    offered("exec.what_does_not_run_has_no_commands", |b| Box::pin(ended(b))),
    offered("exec.a_missing_program_is_told", |b| Box::pin(missing(b))),
    Case::new("exec.when_not_offered_it_is_unsupported", |b| Box::pin(not_offered(b)))
        .without(Need::Exec),
];

const fn offered(name: &'static str, action: crate::case::Action) -> Case {
    Case::new(name, action).with(&[Need::Exec])
}

/// What a command said until its end.
#[derive(Debug, Default, PartialEq)]
struct Said {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    code: Option<i32>,
}

/// Runs a task for commands to run beside.
async fn host(b: &Bench<'_>) -> Result<TaskSpec, Failure> {
    let spec = b.task("main", &["out=up", "hang"]);
    b.run_up(&spec).await?;
    Ok(spec)
}

fn command(b: &Bench<'_>, spec: &TaskSpec, steps: &[&str]) -> ExecSpec {
    let program = b.subject().program.to_string_lossy().into_owned();
    let token = spec.args.first().cloned();
    let steps = steps.iter().map(|step| (*step).to_owned());
    let command = std::iter::once(program).chain(token).chain(steps).collect();
    ExecSpec { command, tty: false, stdin: false }
}

async fn open(b: &Bench<'_>, spec: &TaskSpec, exec: &ExecSpec) -> Result<ExecSession, Failure> {
    b.executor().exec(&spec.id, exec).await.map_err(Failure::call("running a command"))
}

/// Listens to a session until its end.
async fn listen(b: &Bench<'_>, session: &mut ExecSession) -> Result<Said, Failure> {
    b.answer("the command ends", async {
        let mut said = Said::default();
        while let Some(event) = session.events.next().await {
            match event.map_err(Failure::call("listening to a command"))? {
                ExecEvent::Stdout(bytes) => said.stdout.extend_from_slice(&bytes),
                ExecEvent::Stderr(bytes) => said.stderr.extend_from_slice(&bytes),
                ExecEvent::Exited(code) => said.code = Some(code),
                other => return Err(Failure::differs("an event", "a known one", other)),
            }
        }
        Ok(said)
    })
    .await?
}

/// Runs a command to its end.
async fn ask(b: &Bench<'_>, spec: &TaskSpec, steps: &[&str]) -> Result<Said, Failure> {
    let mut session = open(b, spec, &command(b, spec, steps)).await?;
    listen(b, &mut session).await
}

async fn runs(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    for code in [0, 3, 200] {
        let said = ask(b, &spec, &["out=hello", &format!("exit={code}")]).await?;
        let expected = Said { stdout: b"hello\n".to_vec(), code: Some(code), ..Said::default() };
        same("what it said", expected, said)?;
    }
    Ok(())
}

async fn streams(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    let said = ask(b, &spec, &["out=one", "err=two", "part=three"]).await?;
    let (stdout, stderr) = (b"one\nthree".to_vec(), b"two\n".to_vec());
    same("what it said", Said { stdout, stderr, code: Some(0) }, said)
}

async fn every_byte(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    let said = ask(b, &spec, &["bytes", "flood=200000", "lines=5000"]).await?;
    let lines: usize = (0..5000).map(|at| format!("line {at} of 5000\n").len()).sum();
    same("how many bytes it said", 256 + 200_000 + lines, said.stdout.len())?;
    same("its first bytes", (0..=255).collect::<Vec<u8>>(), said.stdout[..256].to_vec())
}

async fn input(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    let exec = ExecSpec { stdin: true, ..command(b, &spec, &["echo", "exit=5"]) };
    let mut session = open(b, &spec, &exec).await?;
    for piece in ["first ", "second\n"] {
        let sent = session.input.send(Bytes::from(piece)).await;
        sent.map_err(Failure::call("sending input"))?;
    }
    session.input.close().await.map_err(Failure::call("ending the input"))?;
    let said = listen(b, &mut session).await?;
    let stdout = b"first second\nend of input\n".to_vec();
    same("what it said", Said { stdout, code: Some(5), ..Said::default() }, said)
}

async fn no_input(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    same("what it said", b"end of input\n".to_vec(), ask(b, &spec, &["echo"]).await?.stdout)
}

async fn terminal(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    let exec = ExecSpec { tty: true, ..command(b, &spec, &["out=one", "err=two", "exit=3"]) };
    let mut session = open(b, &spec, &exec).await?;
    let said = listen(b, &mut session).await?;
    let stdout = b"one\r\ntwo\r\n".to_vec();
    same("what it said", Said { stdout, code: Some(3), ..Said::default() }, said)
}

async fn beside(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    let before = b.observe(&spec.id).await;
    ask(b, &spec, &["exit=1"]).await?;
    same("the task", before, b.observe(&spec.id).await)
}

async fn not_logged(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    ask(b, &spec, &["out=secret"]).await?;
    b.stop(&spec.id, Stop::Kill).await?;
    b.exit(&spec.id).await?;
    same("the task's output", vec!["up".to_owned()], b.texts(&spec)?)
}

async fn ends(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    let mut session = open(b, &spec, &command(b, &spec, &["out=running", "hang"])).await?;
    let first = b.answer("the command says something", session.events.next()).await?;
    holds("it runs", matches!(first, Some(Ok(ExecEvent::Stdout(_)))), &first)?;
    b.stop(&spec.id, Stop::Kill).await?;
    b.exit(&spec.id).await?;
    b.deserted("after its end")
}

async fn ended(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["exit=0"]);
    let answer = b.executor().exec(&spec.id, &command(b, &spec, &["exit=0"])).await;
    holds("an absent task has none", matches!(answer, Err(Error::Absent(_))), &answer)?;
    b.run_out(&spec).await?;
    let answer = b.executor().exec(&spec.id, &command(b, &spec, &["exit=0"])).await;
    holds("an ended task has none", answer.is_err(), &answer)
}

async fn missing(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    let exec = ExecSpec { command: vec!["/nonexistent/program".into()], ..ExecSpec::default() };
    let told = match b.executor().exec(&spec.id, &exec).await {
        Err(_) => true,
        Ok(mut session) => !matches!(listen(b, &mut session).await, Ok(Said { code: Some(0), .. })),
    };
    holds("it does not succeed", told, "success")?;
    let observed = b.observe(&spec.id).await;
    holds("the task runs on", matches!(observed, Observed::Running(_)), observed)
}

async fn not_offered(b: &Bench<'_>) -> Verdict {
    let spec = host(b).await?;
    let answer = b.executor().exec(&spec.id, &command(b, &spec, &["exit=0"])).await;
    holds("it is unsupported", matches!(answer, Err(Error::Unsupported { .. })), &answer)
}
