//! Executors come and go; what they left is told as it is.

use crate::support::{Bench, SLEEPER, args, exit, lines, options, probe, start};
use quorate_conformance::Wasi;
use quorate_executor::{Error, Executor, ExitCause, Observed};
use quorate_seams::Seams;
use quorate_wasm::WasmExecutor;

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_closed_executor_are_lost_and_the_others_are_as_they_were() {
    let bench = Bench::new();
    let (sleep, ok) = (bench.wat("sleep.wasm", SLEEPER), bench.wat("ok.wasm", &start("")));
    let (created, running, ended) = (bench.task(&ok), bench.task(&sleep), bench.task(&ok));
    let trapped = bench.task(&bench.wat("trap.wasm", &start("unreachable")));
    bench.executor.create(&created).await.unwrap();
    let started = bench.run(&running).await;
    let record = bench.run_out(&ended).await;
    let trap = bench.run_out(&trapped).await;
    bench.executor.close().await;
    let Bench { dir, executor } = bench;
    drop(executor);

    let again = WasmExecutor::open(options(dir.path()), Seams::system()).unwrap();
    assert_eq!(again.adopt().await.unwrap().len(), 4);
    assert_eq!(again.observe(&ended.id).await, Observed::Exited(record));
    assert_eq!(again.observe(&trapped.id).await, Observed::Exited(trap));
    let Observed::Exited(lost) = again.observe(&running.id).await else { panic!("it is gone") };
    assert_eq!((lost.code, lost.signal, lost.cause), (None, None, ExitCause::ExecutorLost));
    assert_eq!(lost.started_ms, started.started_ms);
    let refused = again.start(&running.id).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    assert_eq!(again.observe(&created.id).await, Observed::Created);
    again.start(&created.id).await.unwrap();
    assert!(exit(&*again, &created.id).await.succeeded());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_has_one_executor() {
    let bench = Bench::new();
    let second = WasmExecutor::open(options(bench.dir.path()), Seams::system());
    let Err(Error::Unreachable { reason, .. }) = &second else { panic!("{second:?}") };
    assert!(reason.contains("another executor uses"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_lost_task_keeps_every_whole_line() {
    let bench = Bench::new();
    let Some(probe) = probe(Wasi::P1) else { return };
    let mut spec = bench.task(&format!("file://{}", probe.path().display()));
    spec.args = args(&["lines=2000", "out=up", "hang"]);
    bench.run(&spec).await;
    bench.said(&spec, "up").await;
    bench.executor.close().await;
    assert_eq!(lines(&spec).len(), 2001);
}
