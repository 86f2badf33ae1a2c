//! The shim in place of a reaper that died: whatever the reaper held is the shim's child now.

use super::task::Task;
use crate::procfs::{Process, descendants, kill_descendants};
use quorate_executor::TaskId;
use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use std::collections::BTreeMap;

/// Kills the descendants that have no reaper. The tasks without one, once nothing is left of them.
pub(super) fn ended(tasks: &mut BTreeMap<TaskId, Task>) -> Vec<TaskId> {
    let (mut orphaned, mut reapers) = (Vec::new(), Vec::new());
    for (id, task) in tasks.iter_mut() {
        match task.active() {
            Some(active) if active.orphaned => orphaned.push(id.clone()),
            Some(active) => reapers.push(active.reaper.as_raw_nonzero().get()),
            None => {}
        }
    }
    if orphaned.is_empty() {
        return orphaned;
    }
    let me = getpid().as_raw_nonzero().get();
    for child in descendants(me, &reapers) {
        if child.parent == me {
            collect(child, tasks);
        }
    }
    if descendants(me, &reapers).is_empty() {
        return orphaned;
    }
    kill_descendants(me, &reapers);
    Vec::new()
}

/// Waits for a child if it has ended; the status of a task's main process is kept.
fn collect(child: Process, tasks: &mut BTreeMap<TaskId, Task>) {
    let Some(pid) = Pid::from_raw(child.pid) else { return };
    // It is our child, so there is nothing to fail; if there were, the next look would tell.
    let Ok(Some((_, status))) = waitpid(Some(pid), WaitOptions::NOHANG) else { return };
    for active in tasks.values_mut().filter_map(Task::active) {
        if active.orphaned && active.run.process == Some((child.pid, child.ticks)) {
            active.status = Some(status.into());
        }
    }
}
