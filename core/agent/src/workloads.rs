//! Stopping every task of a node, whoever started it.

use crate::Error;
use crate::node::Node;
use quorate_executor::{Found, Observed, SharedExecutor, Stop};
use quorate_types::Uid;
use std::collections::BTreeSet;
use std::time::Duration;

/// Time between looks at tasks that are stopping.
const LOOK: Duration = Duration::from_millis(10);
/// How long a task may outlive its grace period before the stop counts as failed.
const SLACK: Duration = Duration::from_secs(10);

/// How to stop them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopTasks {
    /// SIGTERM, after the grace period SIGKILL; the executor keeps the records of the ends, which
    /// the next agent reports.
    Within(Duration),
    /// SIGKILL now; the executor forgets the tasks.
    Kill,
}

/// Stops all tasks of all executors; gives how many were stopped.
pub(crate) async fn stop(node: &Node, how: StopTasks) -> Result<usize, Error> {
    let mut stopped = 0;
    for executor in &node.options.executors {
        stopped += stop_executor(node, executor, how).await?;
    }
    Ok(stopped)
}

async fn stop_executor(
    node: &Node,
    executor: &SharedExecutor,
    how: StopTasks,
) -> Result<usize, Error> {
    let mut stopped = 0;
    loop {
        let found = executor.adopt().await?;
        stopped += stop_found(node, executor, how, &found).await?;
        // What an aborted start has left behind meanwhile shows up in the next round.
        if found.is_empty() || how != StopTasks::Kill {
            return Ok(stopped);
        }
    }
}

async fn stop_found(
    node: &Node,
    executor: &SharedExecutor,
    how: StopTasks,
    found: &[Found],
) -> Result<usize, Error> {
    let (request, grace) = match how {
        StopTasks::Within(grace) => (Stop::Graceful { grace }, grace),
        StopTasks::Kill => (Stop::Kill, Duration::ZERO),
    };
    let ended = |observed: &Observed| {
        matches!(observed, Observed::Exited(_) | Observed::Absent | Observed::Created)
    };
    let alive: Vec<&Found> = found.iter().filter(|found| !ended(&found.observed)).collect();
    for Found { task, .. } in &alive {
        executor.stop(task, request).await?;
    }
    let clock = &node.seams.clock;
    let deadline = clock.now() + grace + SLACK;
    for Found { task, .. } in &alive {
        while !ended(&executor.observe(task).await) {
            if clock.now() >= deadline {
                let (executor, reason) = (executor.kind(), format!("task {task} does not end"));
                return Err(quorate_executor::Error::Unreachable { executor, reason }.into());
            }
            clock.sleep(LOOK).await;
        }
    }
    if how == StopTasks::Kill {
        for Found { task, .. } in found {
            executor.remove(task).await?;
        }
        let pods: BTreeSet<&Uid> = found.iter().map(|found| &found.task.pod).collect();
        for pod in pods {
            executor.remove_pod(pod).await?;
        }
    }
    Ok(alive.len())
}
