//! The library that makes system calls fail, compiled from `tests/faults/faults.c`.

use super::plan::Plan;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/faults.c");

/// The compiled library.
pub(super) struct Library(PathBuf);

impl Library {
    /// Compiles it into a directory; `Err` with the reason where that cannot be.
    pub(super) fn build(into: &Path) -> Result<Self, String> {
        let path = into.join("faults.so");
        let flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"];
        let cc = Command::new("cc").args(flags).arg(&path).arg(SOURCE).output();
        let cc = cc.map_err(|error| format!("no C compiler for the faults: {error}"))?;
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return Err("system calls are made to fail on x86-64 Linux only".to_owned());
        }
        assert!(cc.status.success(), "{}", String::from_utf8_lossy(&cc.stderr));
        Ok(Self(path))
    }

    /// What makes a process follow the plan and say so in a file.
    pub(super) fn environment(&self, plan: &Plan, report: &Path) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(&self.0)),
            ("FAULT_CALLS", plan.calls.to_owned()),
            ("FAULT_PATH", plan.place.directory().to_owned()),
            ("FAULT_DO", plan.deed.clone()),
            ("FAULT_AFTER", plan.after.to_string()),
            ("FAULT_TIMES", plan.times.to_string()),
            ("FAULT_REPORT", text(report)),
        ]
    }
}
