//! What a stop means to guests that cannot hear signals.

use crate::support::{Bench, SLEEPER, start};
use quorate_executor::{Executor, ExitCause, Stop};
use std::time::Duration;

const EVER: Stop = Stop::Graceful { grace: Duration::from_secs(3600) };

/// Asks whether it shall leave, says so, asks until it shall, and then does, with code 5.
const ASKS: &str = r#"(module
  (import "quorate:task/control@0.1.0" "stop-requested" (func $asked (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\06\00\00\00")
  (data (i32.const 16) "asked\n")
  (func (export "_start")
    (drop (call $asked))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop $again (br_if $again (i32.eqz (call $asked))))
    (call $exit (i32.const 5))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_leaves_by_itself() {
    let bench = Bench::new();
    let spec = bench.task(&bench.wat("asks.wasm", ASKS));
    bench.run(&spec).await;
    bench.said(&spec, "asked").await;
    bench.executor.stop(&spec.id, EVER).await.unwrap();
    let record = bench.exit(&spec.id).await;
    assert_eq!((record.code, record.signal), (Some(5), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_asked_ends_at_once_whatever_it_does() {
    let bench = Bench::new();
    for (name, text) in [("sleeps", SLEEPER.to_owned()), ("spins", start("(loop (br 0))"))] {
        for (how, signal) in [(EVER, 15), (Stop::Kill, 9)] {
            let spec = bench.task(&bench.wat(name, &text));
            bench.run(&spec).await;
            bench.executor.stop(&spec.id, how).await.unwrap();
            let record = bench.exit(&spec.id).await;
            let found = (record.code, record.signal, record.cause);
            assert_eq!(found, (None, Some(signal), ExitCause::Normal), "{name} {how:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_exact() {
    let bench = Bench::new();
    for code in [0, 1, 125, 126, 127, 128, 137, 255, 256, -1] {
        let text = format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (memory (export "memory") 1)
              (func (export "_start") (call $exit (i32.const {code}))))"#
        );
        let record = bench.run_out(&bench.task(&bench.wat("exit.wasm", &text))).await;
        assert_eq!((record.code, record.signal), (Some(code), None));
    }
}
