//! Many idle guests are cheap.

use crate::support::{Bench, SLEEPER, start, until};
use quorate_executor::{Executor, Stop};

const GUESTS: usize = 1000;

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_guests_take_little_memory_and_no_time() {
    let bench = Bench::with(|options| options.pool = 1100);
    if !bench.executor.is_pooled() {
        println!("SKIP: no address space here for a pool of 1100 instances");
        return;
    }
    let image = bench.wat("sleep.wasm", SLEEPER);
    let specs: Vec<_> = (0..GUESTS).map(|_| bench.task(&image)).collect();
    bench.run(&specs[0]).await;
    let before = resident();
    for spec in &specs[1..] {
        bench.run(spec).await;
    }
    for spec in &specs {
        until(|| async { bench.executor.usage(&spec.id).await.ok()?.memory_bytes.checked_sub(1) })
            .await;
    }
    let each = resident().saturating_sub(before) / GUESTS;
    println!("{GUESTS} idle guests take {each} bytes each");
    assert!(each < 200 << 10, "{each} bytes each");
    let ok = bench.wat("ok.wasm", &start(""));
    assert!(bench.run_out(&bench.task(&ok)).await.succeeded(), "there is room for work");
    for spec in &specs {
        bench.executor.stop(&spec.id, Stop::Kill).await.unwrap();
    }
    for spec in &specs {
        assert_eq!(bench.exit(&spec.id).await.signal, Some(9));
    }
}
