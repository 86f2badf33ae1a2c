//! What the demo says: one line per step, coloured on a terminal, plain otherwise.

use std::error::Error;
use std::future::Future;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Why a step was not observed.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Prints the steps as they happen.
pub(crate) struct Report {
    number: usize,
    steps: usize,
    live: bool,
}

impl Report {
    pub(crate) fn new(steps: usize, log: &Path) -> Self {
        let report = Self { number: 0, steps, live: std::io::stdout().is_terminal() };
        report.note(&format!("log: {}", log.display()));
        report
    }

    /// Runs a step, measures it, prints what it found. A step answers with its findings.
    #[allow(clippy::disallowed_methods, reason = "the demo measures real time from outside")]
    pub(crate) async fn step<T, F>(&mut self, name: &str, step: F) -> Result<T, Failure>
    where
        F: Future<Output = Result<(T, String), Failure>>,
    {
        self.number += 1;
        let head = format!("[{:2}/{}] {name}", self.number, self.steps);
        if self.live {
            print!("\x1b[2m{head} ...\x1b[0m");
            flush();
        }
        let start = Instant::now();
        let outcome = step.await;
        let took = seconds(start.elapsed());
        let (mark, text) = match &outcome {
            Ok((_, found)) => ("ok", found.clone()),
            Err(failure) => ("FAILED", failure.to_string()),
        };
        if self.live {
            let colour = if outcome.is_ok() { 32 } else { 31 };
            println!("\r\x1b[K\x1b[{colour}m{mark:>6}\x1b[0m {took:>8}  {head}: {text}");
        } else {
            println!("{mark:>6} {took:>8}  {head}: {text}");
        }
        flush();
        let failed = |failure: Failure| Failure::from(format!("step {name:?}: {failure}"));
        outcome.map(|(value, _)| value).map_err(failed)
    }

    pub(crate) fn note(&self, text: &str) {
        println!("       {text}");
        flush();
    }
}

/// A time as the report shows it.
pub(crate) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

fn flush() {
    // A closed standard output is the reader's choice; the demo's exit code still tells.
    let _ = std::io::stdout().flush();
}
