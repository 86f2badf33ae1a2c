//! Limits of memory and CPU time, over everything that a task holds.

use crate::support::{Bench, SLEEPER, start, until};
use quorate_executor::{Executor, ExitCause, Stop, TaskSpec};
use quorate_seams::{Clock, SystemClock};
use std::time::Duration;

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn two_memories_and_a_table_share_the_limit() {
    let bench = Bench::new();
    // Each part alone stays below the limit of 2 MiB; together they exceed it.
    let text = r#"(module
      (memory $a (export "memory") 1) (memory $b 1) (table $t 1 funcref)
      (func (export "_start")
        (if (i32.eq (memory.grow $a (i32.const 15)) (i32.const -1)) (then unreachable))
        (if (i32.eq (memory.grow $b (i32.const 7)) (i32.const -1)) (then unreachable))
        (drop (table.grow $t (ref.null func) (i32.const GROW)))))"#;
    for (grow, over) in [("60000", false), ("70000", true)] {
        let image = bench.wat(&format!("{grow}.wasm"), &text.replace("GROW", grow));
        let mut spec = bench.task(&image);
        spec.resources.memory_bytes = Some(2 * MIB);
        let record = bench.run_out(&spec).await;
        let limit_bytes = Some(2 * MIB);
        let cause = if over { ExitCause::OutOfMemory { limit_bytes } } else { ExitCause::Normal };
        assert_eq!(record.cause, cause, "{record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_exact_to_a_page() {
    let bench = Bench::new();
    let image = bench.wat("m.wasm", &start("(drop (memory.grow (i32.const 15)))"));
    for (limit, code) in [(16 * 65_536, Some(0)), (16 * 65_536 - 1, None)] {
        let mut spec = bench.task(&image);
        spec.resources.memory_bytes = Some(limit);
        assert_eq!(bench.run_out(&spec).await.code, code, "{limit} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_starts_beyond_its_limit_is_out_of_memory() {
    let bench = Bench::new();
    let image = bench.wat("m.wasm", r#"(module (memory 100) (func (export "_start")))"#);
    let mut spec = bench.task(&image);
    spec.resources.memory_bytes = Some(MIB);
    let record = bench.run_out(&spec).await;
    assert_eq!(record.cause, ExitCause::OutOfMemory { limit_bytes: Some(MIB) });
}

/// An upper bound for one guest among several: how slow a busy machine makes it says nothing of the
/// limit. That the share is also reached is a law of the bucket (`quota`).
///
/// A turn may have been longer than it should, and is owed then. So the bound is waited for: who has
/// its share comes below it while it rests, who has more never does.
#[tokio::test(flavor = "multi_thread")]
async fn computing_guests_get_no_more_than_their_share() {
    let bench = Bench::new();
    let image = bench.wat("spin.wasm", &start("(loop (br 0))"));
    let mut specs = Vec::new();
    for milli in [100, 300, 300] {
        let mut spec = bench.task(&image);
        spec.resources.cpu_milli = Some(milli);
        bench.run(&spec).await;
        specs.push((spec, milli));
    }
    let clock = SystemClock::shared();
    let used = async |spec: &TaskSpec| bench.executor.usage(&spec.id).await.unwrap().cpu_us;
    let (begin, mut before) = (clock.now(), Vec::new());
    for (spec, _) in &specs {
        before.push(used(spec).await);
    }
    clock.sleep(Duration::from_secs(2)).await;
    for ((spec, milli), before) in specs.iter().zip(before) {
        until(async || {
            let had = used(spec).await - before;
            let wall = u64::try_from((clock.now() - begin).as_micros()).unwrap();
            // What it may have saved up is its share of 100 ms.
            let most = (wall + 100_000) * milli / 1000;
            println!("{had} µs of {most}");
            (had <= most).then_some(())
        })
        .await;
    }
    for (spec, _) in &specs {
        let before = used(spec).await;
        until(async || (used(spec).await > before).then_some(())).await;
        bench.executor.stop(&spec.id, Stop::Kill).await.unwrap();
        bench.exit(&spec.id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_that_compute_do_not_keep_others_from_starting() {
    let bench = Bench::with(|options| options.threads = 1);
    let spin = bench.wat("spin.wasm", &start("(loop (br 0))"));
    let spinners: Vec<_> = (0..8).map(|_| bench.task(&spin)).collect();
    for spec in &spinners {
        bench.run(spec).await;
    }
    let image = bench.wat("ok.wasm", &start(""));
    assert!(bench.run_out(&bench.task(&image)).await.succeeded());
    for spec in &spinners {
        bench.executor.stop(&spec.id, Stop::Kill).await.unwrap();
        assert_eq!(bench.exit(&spec.id).await.signal, Some(9));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_is_a_failed_start_and_room_is_given_back() {
    let bench = Bench::with(|options| options.pool = 2);
    let image = bench.wat("sleep.wasm", SLEEPER);
    let specs: Vec<_> = (0..3).map(|_| bench.task(&image)).collect();
    bench.run(&specs[0]).await;
    bench.run(&specs[1]).await;
    for spec in &specs[..2] {
        let held =
            || async { bench.executor.usage(&spec.id).await.ok()?.memory_bytes.checked_sub(1) };
        until(held).await;
    }
    let record = bench.run_out(&specs[2]).await;
    let told =
        matches!(&record.cause, ExitCause::StartFailed(why) if why.contains("WasmOptions::pool"));
    assert!(told, "{record:?}");
    bench.executor.stop(&specs[0].id, Stop::Kill).await.unwrap();
    bench.exit(&specs[0].id).await;
    let ok = bench.wat("ok.wasm", &start(""));
    assert!(bench.run_out(&bench.task(&ok)).await.succeeded());
}
