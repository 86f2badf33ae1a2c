//! The kit that every executor is held to.

use crate::support::{options, probe};
use quorate_conformance::{Report, Subject, Wasi, cases, run};
use quorate_executor::SharedExecutor;
use quorate_seams::Seams;
use quorate_wasm::{Network, WasmExecutor};

async fn report(form: Wasi) -> Option<Report> {
    let dir = tempfile::tempdir().unwrap();
    let probe = probe(form)?;
    let mut options = options(dir.path());
    options.network = Network { inbound: true, ..Network::default() };
    // One for all cases: tasks live as long as it does.
    let executor: SharedExecutor = WasmExecutor::open(options, Seams::system()).unwrap();
    let open = Subject::opener(move || {
        let executor = executor.clone();
        async move { Ok(executor) }
    });
    let image = format!("file://{}", probe.path().display());
    let mut subject = Subject::new(open, image, probe.path(), dir.path().join("kit"));
    subject.unix = false;
    subject.shares_processes = false;
    // Preview 1 has no way to open a socket.
    subject.shares_network = form == Wasi::P2;
    subject.missing_image = format!("blob://sha256:{}", "0".repeat(64));
    Some(run(&subject, &cases()).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_core_modules_the_executor_holds_to_the_contract() {
    let Some(report) = report(Wasi::P1).await else { return };
    println!("{report}");
    assert!(report.failures().next().is_none(), "{report}");
    assert!(report.passed() > 80, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_components_the_executor_holds_to_the_contract() {
    let Some(report) = report(Wasi::P2).await else { return };
    println!("{report}");
    assert!(report.failures().next().is_none(), "{report}");
    assert!(report.passed() > 80, "{report}");
}
