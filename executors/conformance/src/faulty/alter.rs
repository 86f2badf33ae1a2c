//! Defects that change what goes in or comes out. Pure.

use super::Fault;
use quorate_executor::{ExitRecord, Observed, Stop, TaskId, TaskSpec};
use quorate_types::Uid;
use std::time::Duration;

/// The task that the defective executor takes this one for.
pub(super) fn task(fault: Option<Fault>, task: &TaskId) -> TaskId {
    let mut task = task.clone();
    match fault {
        Some(Fault::ConfusesAttempts) => task.attempt = 0,
        Some(Fault::ConfusesPods) => task.pod = Uid::from_stored("some-pod"),
        Some(Fault::AcceptsOddNames) => task.name = task.name.replace(['/', '.'], "_"),
        _ => {}
    }
    task
}

/// The specification that the defective executor reads.
pub(super) fn spec(fault: Option<Fault>, spec: &TaskSpec) -> TaskSpec {
    let mut spec = TaskSpec { id: task(fault, &spec.id), ..spec.clone() };
    match fault {
        Some(Fault::SplitsArguments) => {
            let words = spec.args.iter().flat_map(|arg| arg.split_whitespace());
            spec.args = words.map(str::to_owned).collect();
        }
        Some(Fault::LosesEmptyVariables) => spec.env.retain(|(_, value)| !value.is_empty()),
        Some(Fault::LeaksVariables) => spec.env.push(("LEAKED".into(), "1".into())),
        Some(Fault::IgnoresWorkingDir) => spec.working_dir = None,
        Some(Fault::IgnoresCommand) => spec.command.clear(),
        Some(Fault::DropsMounts) => spec.mounts.clear(),
        _ => {}
    }
    spec
}

/// The stop that the defective executor makes of one.
pub(super) fn stop(fault: Option<Fault>, how: Stop) -> Stop {
    match (fault, how) {
        (Some(Fault::KillsAtOnce), _) => Stop::Kill,
        (Some(Fault::NeverKills), Stop::Graceful { .. }) => {
            Stop::Graceful { grace: Duration::from_secs(7200) }
        }
        (Some(Fault::CutsGraceShort), Stop::Graceful { grace }) => {
            Stop::Graceful { grace: grace / 10 }
        }
        _ => how,
    }
}

/// The state that the defective executor tells.
pub(super) fn observed(fault: Option<Fault>, observed: Observed) -> Observed {
    match (fault, observed) {
        (Some(Fault::ChangesItsMind), Observed::Running(mut started)) => {
            started.started_ms += 1;
            Observed::Running(started)
        }
        (_, Observed::Exited(record)) => Observed::Exited(ended(fault, record)),
        (_, observed) => observed,
    }
}

fn ended(fault: Option<Fault>, mut record: ExitRecord) -> ExitRecord {
    match fault {
        Some(Fault::LosesExitCode) => record.code = record.code.map(|_| 0),
        Some(Fault::FoldsSignals) => {
            record.code = record.code.or(record.signal.map(|signal| 128 + signal));
            record.signal = None;
        }
        Some(Fault::UnfoldsCodes) => {
            let signal = record.code.filter(|code| (129..160).contains(code));
            if let Some(code) = signal {
                (record.code, record.signal) = (None, Some(code - 128));
            }
        }
        _ => {}
    }
    record
}
