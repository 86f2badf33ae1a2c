//! What a task has used, from `/proc`.
//!
//! All of a task's processes hang below its reaper, which also collects the CPU time of those that
//! have ended. Numbers of processes that end while they are read may be missing; their time is then in
//! their parent's count.

use crate::procfs::{Process, descendants};
use quorate_executor::Usage;
use std::fs;

/// Times of a process and of its children that it has waited for, in clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    own: u64,
    waited_for: u64,
}

/// What the task of a main process has used; `None` if that process is gone.
pub(crate) fn of(main: i32) -> Option<Usage> {
    let main = Process::read(main).filter(|process| !process.zombie)?;
    let reaper = main.parent;
    let processes = if is_reaper(reaper) {
        descendants(reaper, &[])
    } else {
        // The reaper was killed, and the shim has its place and other tasks below it.
        [vec![main], descendants(main.pid, &[])].concat()
    };
    let living = processes.iter().filter(|process| !process.zombie);
    let mut usage = Usage::default();
    let mut ticks = if is_reaper(reaper) { times(reaper).waited_for } else { 0 };
    for process in living {
        let Times { own, waited_for } = times(process.pid);
        ticks += own + waited_for;
        usage.memory_bytes += resident_bytes(process.pid);
        usage.pids += 1;
    }
    usage.cpu_us = ticks.saturating_mul(1_000_000) / rustix::param::clock_ticks_per_second();
    Some(usage)
}

/// A reaper is forked from its shim and executes nothing: their command lines are the same.
fn is_reaper(pid: i32) -> bool {
    let line = |pid: i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let parent = Process::read(pid).map_or(0, |process| process.parent);
    !line(pid).is_empty() && line(pid) == line(parent)
}

fn times(pid: i32) -> Times {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    parse_times(&stat).unwrap_or_default()
}

/// Fields 14 to 17; the name before them may contain anything.
fn parse_times(stat: &str) -> Option<Times> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).map(str::parse::<u64>);
    let mut next = || fields.next()?.ok();
    let (user, system) = (next()?, next()?);
    let (waited_user, waited_system) = (next()?, next()?);
    Some(Times { own: user + system, waited_for: waited_user + waited_system })
}

fn resident_bytes(pid: i32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    let page_size = u64::try_from(rustix::param::page_size()).unwrap_or_default();
    pages.unwrap_or_default().saturating_mul(page_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_past_any_name() {
        let stat = "42 (a) S 1 ) S 7 1 1 0 -1 4194560 0 0 0 0 11 22 33 44 20 0 1 0 5151 0 0 0";
        assert_eq!(parse_times(stat), Some(Times { own: 33, waited_for: 77 }));
        assert_eq!(parse_times("42 (short) S 7"), None);
    }

    #[test]
    fn a_process_that_is_gone_has_no_usage_and_this_one_has() {
        assert_eq!(of(i32::MAX), None);
        let me = i32::try_from(std::process::id()).unwrap();
        let usage = of(me).unwrap();
        assert!(usage.memory_bytes > 0 && usage.pids >= 1, "{usage:?}");
    }
}
