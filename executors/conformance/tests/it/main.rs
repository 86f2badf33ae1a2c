//! The kit, tested itself: sound executors pass, and every defect is found by the case that says so.

#[path = "../../examples/children.rs"]
#[allow(dead_code, reason = "an example's main is its own")]
mod children;

use children::Children;
use quorate_conformance::faulty::{CATALOGUE, Fault, Faulty, Switch};
use quorate_conformance::{Case, Outcome, Probe, Subject, cases, run};
use quorate_executor::{Executor, SharedExecutor, Stop};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a busy machine: it only delays the cases that find a defect by waiting.
const PATIENCE: Duration = Duration::from_secs(8);

fn subject(dir: &Path, probe: &Probe, fault: Option<Fault>, children: &Children) -> Subject {
    let (children, switch) = (children.clone(), Switch::default());
    let (program, cut) = (probe.path().to_owned(), switch.clone());
    let open = Subject::opener(move || {
        let inner: SharedExecutor = Arc::new(children.clone());
        let faulty: SharedExecutor = Faulty::new(inner, fault, switch.clone(), program.clone());
        async move { Ok(faulty) }
    });
    let image = format!("file://{}", probe.path().display());
    let mut subject = Subject::new(open, image, probe.path(), dir.join(format!("{fault:?}")));
    subject.cut = Some(Arc::new(cut));
    subject
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_executor_passes() {
    let dir = tempfile::tempdir().unwrap();
    let probe = Probe::build(dir.path()).unwrap();
    let report = run(&subject(dir.path(), &probe, None, &Children::new()), &cases()).await;
    println!("{report}");
    assert!(report.failures().next().is_none(), "{report}");
    assert!(report.passed() >= 100, "{report}");
}

/// Ends what a defect left running.
async fn end_all(children: &Children) {
    for found in children.adopt().await.into_iter().flatten() {
        // One that has just ended needs no stop.
        let _ = children.stop(&found.task, Stop::Kill).await;
    }
}

/// Runs one case on an executor with a defect.
async fn finds(dir: &Path, probe: &Probe, fault: Fault, case: &Case) -> Result<String, String> {
    let children = Children::new();
    let mut subject = subject(dir, probe, Some(fault), &children);
    subject.patience = PATIENCE;
    let report = run(&subject, std::slice::from_ref(case)).await;
    end_all(&children).await;
    match &report.rows[0].outcome {
        Outcome::Failed(failure) => Ok(failure.to_string()),
        other => Err(format!("{fault:?} is not found by {}: {other:?}", case.name)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_defect_is_found_by_the_case_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let probe = Probe::build(dir.path()).unwrap();
    let mut missed = Vec::new();
    for (fault, name) in CATALOGUE {
        let case = cases().into_iter().find(|case| case.name == *name);
        let case = case.unwrap_or_else(|| panic!("{fault:?}: there is no case {name}"));
        match finds(dir.path(), &probe, *fault, &case).await {
            Ok(failure) => println!("{fault:?}: {name}: {failure}"),
            Err(reason) => missed.push(reason),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn the_catalogue_has_every_defect_once() {
    let faults: HashSet<Fault> = CATALOGUE.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(faults.len(), CATALOGUE.len());
    assert!(faults.len() >= 40);
}
