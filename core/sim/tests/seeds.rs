//! A bounded number of seeds in every test run; `make sim SEEDS=20000` runs many.

use quorate_sim::run;
use std::process::Command;

fn clean(seeds: std::ops::Range<u64>) {
    let mut revisions = 0;
    for seed in seeds {
        let report = run(seed);
        assert_eq!(report.violations, Vec::<String>::new(), "replay with SEED={seed} make sim");
        revisions += report.counts.revisions;
    }
    assert!(revisions > 1000, "the runs did something: {revisions} revisions");
}

#[test]
fn seeds_1_to_12_are_clean() {
    clean(1..13);
}

#[test]
fn seeds_13_to_24_are_clean() {
    clean(13..25);
}

#[test]
fn seeds_25_to_36_are_clean() {
    clean(25..37);
}

#[test]
fn seeds_37_to_48_are_clean() {
    clean(37..49);
}

/// Seeds that have found a bug: it stays fixed. What they found is in `regressions.md`.
#[test]
fn seeds_that_found_something_are_clean() {
    for seed in [26, 29, 69, 85, 1000, 1086, 1296] {
        assert_eq!(run(seed).violations, Vec::<String>::new(), "replay with SEED={seed} make sim");
    }
}

#[test]
fn two_processes_agree_on_the_hash_of_every_event() {
    let hashes = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_quorate-sim"));
        let output = program.args(["--seeds", "5", "--from", "50", "--jobs", "1", "--hashes", "1"]);
        let output = output.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().take(5).map(str::to_owned).collect::<Vec<_>>()
    };
    let first = hashes();
    assert_eq!(first.len(), 5);
    assert_eq!(first, hashes());
}
