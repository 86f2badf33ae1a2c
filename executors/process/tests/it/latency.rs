//! How long it takes to get a task running. Not a test of limits: machines differ.

use crate::support::{Node, pod};
use quorate_executor::Executor;
use std::time::{Duration, Instant};

const RUNS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run it by name with --nocapture"]
#[allow(clippy::disallowed_methods, reason = "measures real time")]
async fn create_and_start() {
    let node = Node::new();
    let (mut cold, mut warm, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let pod = pod();
        for (name, times) in [("first", &mut cold), ("second", &mut warm)] {
            let spec = node.task(&pod, name, &["/bin/sleep", "1000"]);
            let begin = Instant::now();
            node.executor.create(&spec).await.unwrap();
            node.executor.start(&spec.id).await.unwrap();
            times.push(begin.elapsed());
            let begin = Instant::now();
            node.executor.observe(&spec.id).await;
            seen.push(begin.elapsed());
        }
    }
    report("first task of a pod, shim included", &mut cold);
    report("second task of a pod", &mut warm);
    report("observe", &mut seen);
    let shims = crate::support::shims_below(&node.runtime());
    let private: Vec<u64> = shims.iter().map(|pid| private_kib(*pid)).collect();
    println!("shim private KiB: max {:?}", private.iter().max());
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| times[times.len() * percent / 100];
    println!("{what}: p50 {:?}, p90 {:?}, max {:?}", at(50), at(90), times[times.len() - 1]);
}

fn private_kib(pid: i32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let private = rollup.lines().filter(|line| line.starts_with("Private_"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}
