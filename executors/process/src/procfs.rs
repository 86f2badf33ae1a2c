//! Which processes there are, from `/proc`, and the end of all descendants of one.
//!
//! Place: used by reapers, by the shim and by the agent's side for processes of a dead shim.
//! Invariant: a signal reaches only the process that was seen, even if its number was reused
//! meanwhile: a pidfd is taken and the start time compared afterwards.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;

/// Rounds of stopping newly born descendants before those that are stopped are killed anyway.
const FREEZE_ROUNDS: usize = 64;

/// A process as `/proc/<pid>/stat` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// Start time in clock ticks since boot: with the pid, the identity of a process.
    pub(crate) ticks: u64,
    /// Ended and waiting for its parent.
    pub(crate) zombie: bool,
}

impl Process {
    fn parse(stat: &str) -> Option<Self> {
        let (head, tail) = (stat.split_once(' ')?.0, stat.rsplit_once(") ")?.1);
        let mut fields = tail.split(' ');
        let (state, parent) = (fields.next()?, fields.next()?);
        Some(Self {
            pid: head.parse().ok()?,
            parent: parent.parse().ok()?,
            ticks: fields.nth(17)?.parse().ok()?,
            zombie: matches!(state, "Z" | "X"),
        })
    }

    /// The process of a number, if there is one.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Whether the very same process still exists and has not ended.
    pub(crate) fn lives(pid: i32, ticks: u64) -> bool {
        Self::read(pid).is_some_and(|process| process.ticks == ticks && !process.zombie)
    }

    /// A handle on exactly this process; `None` if it is gone.
    fn open(&self) -> Option<OwnedFd> {
        let fd = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        Self::read(self.pid).filter(|now| now.ticks == self.ticks).map(|_| fd)
    }

    /// Sends it a signal; nothing happens if it is gone or belongs to somebody else.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(fd) = self.open() {
            // Gone meanwhile, or not ours to kill: the caller looks again anyway.
            let _ = pidfd_send_signal(&fd, signal);
        }
    }
}

/// The descendants of a process, without the subtrees that begin at the excepted ones. While they
/// fork and die the answer may lack some: ask again until there are none.
pub(crate) fn descendants(root: i32, except: &[i32]) -> Vec<Process> {
    let mut table = None;
    walk(root, except, |parent| match children(parent) {
        Ok(children) => children,
        // A kernel without lists of children: every process of the machine is looked at, once.
        Err(_) => {
            table.get_or_insert_with(scan).iter().copied().filter(|p| p.parent == parent).collect()
        }
    })
}

fn walk(root: i32, except: &[i32], mut children: impl FnMut(i32) -> Vec<Process>) -> Vec<Process> {
    let (mut found, mut parents) = (Vec::new(), vec![root]);
    while let Some(parent) = parents.pop() {
        for child in children(parent) {
            if !except.contains(&child.pid) {
                parents.push(child.pid);
                found.push(child);
            }
        }
    }
    found
}

/// The children of all threads of a process; none if it is gone. An error if the kernel does not
/// list them.
fn children(parent: i32) -> io::Result<Vec<Process>> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        match fs::read_to_string(thread.path().join("children")) {
            Ok(pids) => {
                let pids = pids.split_whitespace().filter_map(|pid| pid.parse().ok());
                found.extend(pids.filter_map(Process::read));
            }
            Err(_) if !thread.path().exists() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// All processes.
fn scan() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect()
}

/// Kills the descendants of a process: stops them until no new one appears, so that none can escape
/// by forking, then kills them all. One call may not suffice; call until nobody is left.
pub(crate) fn kill_descendants(root: i32, except: &[i32]) {
    let mut seen = HashSet::new();
    let mut held = Vec::new();
    for _ in 0..FREEZE_ROUNDS {
        let mut fresh = descendants(root, except);
        fresh.retain(|process| seen.insert((process.pid, process.ticks)));
        if fresh.is_empty() {
            break;
        }
        for process in fresh {
            if let Some(fd) = process.open() {
                // Ended meanwhile: the next look shows it.
                let _ = pidfd_send_signal(&fd, Signal::STOP);
                held.push(fd);
            }
        }
    }
    for fd in held {
        // As above.
        let _ = pidfd_send_signal(&fd, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_cannot_forge_fields() {
        let rest = "S 7 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5151 0 0 0";
        let process = Process::parse(&format!("42 (evil) Z 1 ) {rest}")).unwrap();
        assert_eq!(process, Process { pid: 42, parent: 7, ticks: 5151, zombie: false });
    }

    #[test]
    fn descendants_are_transitive_and_stop_at_the_excepted() {
        let process = |pid, parent| Process { pid, parent, ticks: 0, zombie: false };
        let all = [process(2, 1), process(3, 2), process(4, 3), process(5, 2), process(6, 1)];
        let pids = |root, except: &[i32]| {
            let children = |parent| all.iter().copied().filter(|p| p.parent == parent).collect();
            let mut pids: Vec<_> = walk(root, except, children).iter().map(|p| p.pid).collect();
            pids.sort_unstable();
            pids
        };
        assert_eq!(pids(2, &[]), [3, 4, 5]);
        assert_eq!(pids(2, &[3]), [5]);
        assert_eq!(pids(4, &[]), [0; 0]);
    }

    #[test]
    fn children_and_their_children_are_found_whatever_the_kernel_lists() {
        let me = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", "cat; exit 0"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let listed = |process: Process| (process.pid, process.parent);
        assert!(descendants(me, &[]).into_iter().map(listed).any(|found| found == (pid, me)));
        assert!(scan().into_iter().map(listed).any(|found| found == (pid, me)));
        assert!(!descendants(me, &[pid]).into_iter().any(|process| process.pid == pid));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn this_process_lives_under_its_own_start_time_only() {
        let me = i32::try_from(std::process::id()).unwrap();
        let ticks = Process::read(me).unwrap().ticks;
        assert!(Process::lives(me, ticks));
        assert!(!Process::lives(me, ticks + 1));
    }
}
