//! Running cases, one after the other.

use crate::{Bench, Case, Failure, Outcome, Report, Row, Subject, Verdict};
use futures::future::FutureExt;
use quorate_seams::timeout;
use std::panic::AssertUnwindSafe;

/// How many times its patience a subject's case may take as a whole.
const CASE_PATIENCE: u32 = 6;

/// Runs cases on a subject. What a case leaves behind is removed before the next one begins; being
/// unable to do so is a failure of the case as well.
pub async fn run(subject: &Subject, cases: &[Case]) -> Report {
    let mut report = Report { kind: "unknown", rows: Vec::new() };
    for case in cases {
        let begin = subject.clock.now();
        let outcome = match Bench::open(subject).await {
            Err(failure) => Outcome::Failed(failure),
            Ok(bench) => {
                report.kind = bench.executor().kind();
                attempt(case, &bench).await
            }
        };
        let took = subject.clock.now() - begin;
        report.rows.push(Row { case: case.name, outcome, took });
    }
    report
}

async fn attempt(case: &Case, bench: &Bench<'_>) -> Outcome {
    let capabilities = bench.executor().capabilities();
    if let Some(reason) = case.reason_to_skip(bench.subject(), capabilities) {
        return Outcome::NotAsked(reason);
    }
    let verdict = bounded(case, bench).await;
    let cleaned = bench.clean_up().await;
    match verdict.and(cleaned) {
        Ok(()) => Outcome::Passed,
        Err(failure) => Outcome::Failed(failure),
    }
}

async fn bounded(case: &Case, bench: &Bench<'_>) -> Verdict {
    let subject = bench.subject();
    let patience = subject.patience * CASE_PATIENCE;
    let caught = AssertUnwindSafe((case.action)(bench)).catch_unwind();
    match timeout(&*subject.clock, patience, caught).await {
        Some(Ok(verdict)) => verdict,
        Some(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Failure::Panicked(text.unwrap_or_default()))
        }
        None => {
            let what = "every call is answered".to_owned();
            Err(Failure::Never { what, patience, last: "a call that hangs".to_owned() })
        }
    }
}
