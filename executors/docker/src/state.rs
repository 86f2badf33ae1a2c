//! From what the engine describes to what is observed of a task. Pure.

use crate::engine::{Container, Phase};
use crate::journal::Note;
use quorate_executor::{ExitCause, ExitRecord, Observed, Started};

/// SIGKILL and SIGTERM.
pub(crate) const KILL: i32 = 9;
pub(crate) const TERM: i32 = 15;

/// What the engine adds to a signal's number.
const FOLD: i32 = 128;

/// The state of a task, given what was done to it.
pub(crate) fn observed(container: &Container, note: Option<Note>) -> Observed {
    match container.phase {
        Phase::Created if container.error.is_empty() => Observed::Created,
        Phase::Created => Observed::Exited(never_ran(container)),
        Phase::Running => Observed::Running(started(container)),
        Phase::Exited => Observed::Exited(exited(container, note.unwrap_or_default())),
        // It will never run again: what is left of it is its end.
        Phase::Dying if container.started_ms == 0 => Observed::Absent,
        Phase::Dying => Observed::Exited(exited(container, note.unwrap_or_default())),
    }
}

/// The start of a running container.
pub(crate) fn started(container: &Container) -> Started {
    Started {
        started_ms: container.started_ms,
        pid: container.pid,
        external_id: format!("docker://{}", container.id),
    }
}

fn never_ran(container: &Container) -> ExitRecord {
    ExitRecord {
        code: None,
        signal: None,
        cause: ExitCause::StartFailed(container.error.clone()),
        started_ms: 0,
        finished_ms: container.created_ms,
    }
}

fn exited(container: &Container, note: Note) -> ExitRecord {
    let signal = signal(container, note);
    let cause = if container.oom_killed && signal == Some(KILL) {
        ExitCause::OutOfMemory { limit_bytes: container.memory_bytes }
    } else {
        ExitCause::Normal
    };
    ExitRecord {
        code: signal.is_none().then_some(container.exit_code),
        signal,
        cause,
        started_ms: container.started_ms,
        // The engine notes a start only after it has seen it: a short task's end may seem to be earlier.
        finished_ms: container.finished_ms.max(container.started_ms),
    }
}

/// The signal that ended a container, if anyone knows of one.
fn signal(container: &Container, note: Note) -> Option<i32> {
    let folded = container.exit_code - FOLD;
    let known = match folded {
        KILL => note.killed || container.oom_killed,
        TERM => note.termed,
        _ => false,
    };
    known.then_some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(exit_code: i32, oom_killed: bool, note: Note) -> ExitRecord {
        let (phase, memory_bytes) = (Phase::Exited, Some(64));
        let container =
            Container { phase, exit_code, oom_killed, memory_bytes, ..Container::default() };
        let Observed::Exited(record) = observed(&container, Some(note)) else { panic!() };
        record
    }

    #[test]
    fn a_code_is_a_signal_only_if_somebody_knows_of_one() {
        let killed = Note { killed: true, ..Note::default() };
        let termed = Note { termed: true, ..Note::default() };
        let of = |code, oom, note| {
            let record = record(code, oom, note);
            (record.code, record.signal)
        };
        assert_eq!(of(137, false, Note::default()), (Some(137), None));
        assert_eq!(of(137, false, killed), (None, Some(9)));
        assert_eq!(of(137, false, termed), (Some(137), None));
        assert_eq!(of(143, false, termed), (None, Some(15)));
        assert_eq!(of(143, false, Note::default()), (Some(143), None));
        assert_eq!(of(0, false, killed), (Some(0), None), "it ended by itself before the kill");
        assert_eq!(of(137, true, Note::default()), (None, Some(9)));
    }

    #[test]
    fn an_end_is_never_before_its_start() {
        let (phase, started_ms, finished_ms) = (Phase::Exited, 850, 847);
        let container = Container { phase, started_ms, finished_ms, ..Container::default() };
        let Observed::Exited(record) = observed(&container, None) else { panic!() };
        assert_eq!((record.started_ms, record.finished_ms), (850, 850));
    }

    #[test]
    fn out_of_memory_names_the_limit_and_needs_the_kill() {
        let limit_bytes = Some(64);
        assert_eq!(
            record(137, true, Note::default()).cause,
            ExitCause::OutOfMemory { limit_bytes }
        );
        // A child was killed for memory, and the task ended by itself.
        assert_eq!(record(1, true, Note::default()).cause, ExitCause::Normal);
    }

    #[test]
    fn a_container_that_never_ran_is_no_exit_with_a_code() {
        let error = "no such file".to_owned();
        let container = Container { error, exit_code: 127, ..Container::default() };
        let Observed::Exited(record) = observed(&container, None) else { panic!() };
        assert_eq!(record.code, None);
        assert_eq!(record.cause, ExitCause::StartFailed("no such file".to_owned()));
    }
}
