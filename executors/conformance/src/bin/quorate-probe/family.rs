//! Children of the probe: the same program with other steps.

use crate::output::say;
use std::process::{Child, Command, Stdio};

/// A word on the command lines of all processes of one case, so that the kit finds them.
fn token() -> Option<String> {
    std::env::args().find(|arg| arg.starts_with("token="))
}

/// Starts a child that does these steps.
pub(crate) fn child(steps: &[&str]) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(token()).args(steps).stdin(Stdio::null());
    command.spawn().map_err(|error| error.to_string())
}

/// Starts a process by the book of daemons: its parent has ended, its session is its own, and it
/// ignores what a polite stop sends. Returns once it runs.
pub(crate) fn daemon() -> Result<(), String> {
    let steps = ["setsid", "ignore=15", "ignore=1", "spawn=ignore=15 ignore=1 setsid hang"];
    let status = child(&steps)?.wait().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("the daemon's parent ended with {status}")) }
}

/// Starts children that hang, as many as it can up to a number, and says how many that were.
pub(crate) fn crowd(most: usize) -> Result<(), String> {
    let mut children = Vec::new();
    while children.len() < most {
        match child(&["hang"]) {
            Ok(child) => children.push(child),
            Err(_) => break,
        }
    }
    say(&format!("children {}", children.len()))?;
    for child in &mut children {
        // One that is gone already needs no killing.
        let _ = child.kill();
        let _ = child.wait();
    }
    Ok(())
}
