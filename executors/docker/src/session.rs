//! Commands in running containers, as the contract's sessions.

use crate::calls::{Calls, unreachable};
use crate::engine::{Fault, Session};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, once};
use quorate_executor::{Error, ExecEvent, ExecSession};
use std::time::Duration;

/// How often, and how long apart, to ask for an exit code that the engine does not have yet although
/// the output has ended.
const ASKS: usize = 200;
const APART: Duration = Duration::from_millis(10);

/// A session over what the engine gave. `task` is for messages.
pub(crate) fn of(session: Session, calls: Calls, task: String, tty: bool) -> ExecSession {
    let about = task.clone();
    let pieces = session.output.map(move |piece| said(piece, &about, tty));
    let exit = once(async move { exit(&calls, &session.id, &task).await });
    let events: BoxStream<'static, _> = pieces.chain(exit).boxed();
    ExecSession { input: session.input, events }
}

fn said(piece: Result<(bool, Bytes), Fault>, task: &str, tty: bool) -> Result<ExecEvent, Error> {
    match piece {
        Ok((true, bytes)) if !tty => Ok(ExecEvent::Stderr(bytes)),
        Ok((_, bytes)) => Ok(ExecEvent::Stdout(bytes)),
        Err(fault) => Err(unreachable(&format!("listening to a command in {task}"), &fault)),
    }
}

async fn exit(calls: &Calls, id: &str, task: &str) -> Result<ExecEvent, Error> {
    let doing = format!("asking how a command in {task} ended");
    for _ in 0..ASKS {
        match calls.ask(calls.engine.exec_code(id)).await {
            Ok(Some(code)) => return Ok(ExecEvent::Exited(code)),
            Ok(None) => calls.clock.sleep(APART).await,
            Err(fault) => return Err(unreachable(&doing, &fault)),
        }
    }
    Err(unreachable(&doing, &Fault::Lost("it is said to run on".to_owned())))
}
