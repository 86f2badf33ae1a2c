//! The kit that every executor is held to, on this one.

use quorate_conformance::{Cut, Probe, Subject, cases, run};
use quorate_executor::SharedExecutor;
use quorate_process::{ProcessExecutor, ProcessOptions, ShimCommand};
use quorate_seams::Seams;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long the executor waits for a shim; a case waits for just that once.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps the shims below a directory from answering.
#[derive(Debug)]
struct StoppedShims {
    runtime: PathBuf,
}

impl StoppedShims {
    fn send(&self, signal: Signal) {
        for shim in shims_below(&self.runtime) {
            // One that is gone needs no signal.
            let _ = kill_process(shim, signal);
        }
    }
}

impl Cut for StoppedShims {
    fn cut(&self) {
        self.send(Signal::STOP);
    }

    fn restore(&self) {
        self.send(Signal::CONT);
    }
}

impl Drop for StoppedShims {
    fn drop(&mut self) {
        self.send(Signal::KILL);
    }
}

/// The shims, and their reapers, whose runtime directory lies below the given one.
fn shims_below(dir: &Path) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.starts_with("quorate-shim\0") && line.contains(&dir.display().to_string())
    })
    .filter_map(Pid::from_raw)
    .collect()
}

fn subject(dir: &Path, probe: &Probe) -> Subject {
    let runtime = dir.join("run");
    let options = ProcessOptions {
        shim: ShimCommand::Program(env!("CARGO_BIN_EXE_quorate-shim").into()),
        call_timeout: CALL_TIMEOUT,
        ..ProcessOptions::new(&runtime)
    };
    let open = Subject::opener(move || {
        let options = options.clone();
        async move {
            let executor: SharedExecutor = ProcessExecutor::new(options, Seams::system())?;
            Ok(executor)
        }
    });
    let image = format!("file://{}", probe.path().display());
    let mut subject = Subject::new(open, image, probe.path(), dir.join("kit"));
    subject.cut = Some(Arc::new(StoppedShims { runtime }));
    subject
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_executor_holds_to_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let probe = Probe::build(dir.path()).unwrap();
    let subject = subject(dir.path(), &probe);
    let report = run(&subject, &cases()).await;
    println!("{report}");
    assert!(report.failures().next().is_none(), "{report}");
    assert!(report.passed() > 80, "{report}");
}
