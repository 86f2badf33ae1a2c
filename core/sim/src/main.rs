//! Runs seeds and prints what came of them.
//!
//! `quorate-sim SEED` replays one seed; `quorate-sim --seeds N [--from S] [--jobs J] [--hashes 1]`
//! runs many; `quorate-sim --mutants LIMIT [NAME]` (feature `mutants`) looks for each deliberate bug
//! in at most LIMIT seeds.

use quorate_sim::{Counts, Report};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds between two signs of life.
const PROGRESS: u64 = 500;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        #[cfg(feature = "mutants")]
        ["--mutants", limit, names @ ..] => Ok(mutants(limit.parse()?, names)),
        [seed] if !seed.starts_with('-') => Ok(replay(seed.parse()?)),
        _ => many(&words),
    }
}

#[allow(clippy::print_stdout, reason = "the program's output")]
fn replay(seed: u64) -> ExitCode {
    let report = quorate_sim::run(seed);
    println!("seed {seed} hash {:016x}", report.hash);
    println!("{}", report.plan);
    println!("{:?}", report.counts);
    outcome(&report)
}

#[allow(clippy::print_stdout, reason = "the program's output")]
fn outcome(report: &Report) -> ExitCode {
    for violation in &report.violations {
        println!("VIOLATION {violation}");
    }
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn option(words: &[&str], name: &str, default: u64) -> Result<u64, Failure> {
    match words.iter().position(|word| *word == name) {
        Some(at) => Ok(words.get(at + 1).ok_or(format!("{name} needs a number"))?.parse()?),
        None => Ok(default),
    }
}

#[allow(clippy::print_stdout, reason = "the program's output")]
#[allow(clippy::disallowed_methods, reason = "measures the machine's time, outside of any world")]
fn many(words: &[&str]) -> Result<ExitCode, Failure> {
    let (seeds, from) = (option(words, "--seeds", 200)?, option(words, "--from", 1)?);
    let jobs = option(words, "--jobs", 2)?;
    let hashes = option(words, "--hashes", 0)? > 0;
    let begun = std::time::Instant::now();
    let (next, total) = (AtomicU64::new(from), Mutex::new((Counts::default(), Vec::new())));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work(&next, from + seeds, &total, hashes));
        }
    });
    let (counts, failed) = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{counts:?}");
    println!(
        "{seeds} seeds in {seconds:.1} s, {:.0} an hour: {} passed, {} failed",
        f64::from(u32::try_from(seeds)?) * 3600.0 / seconds,
        seeds - failed.len() as u64,
        failed.len()
    );
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {failed:?}; replay one with SEED=... make sim");
    Ok(ExitCode::FAILURE)
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the program's output")]
fn work(next: &AtomicU64, end: u64, total: &Mutex<(Counts, Vec<u64>)>, hashes: bool) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let report = quorate_sim::run(seed);
        let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        total.0 = total.0.plus(report.counts);
        if seed.is_multiple_of(PROGRESS) {
            eprintln!("at seed {seed} of {}, {} failed", end - 1, total.1.len());
        }
        if hashes {
            println!("{seed} {:016x}", report.hash);
        }
        if !report.violations.is_empty() {
            total.1.push(seed);
            println!("seed {seed} FAILED, hash {:016x}", report.hash);
            for violation in report.violations.iter().take(3) {
                println!("  {violation}");
            }
        }
    }
}

/// Looks for every deliberate bug, or those named, and prints which seed finds it.
#[cfg(feature = "mutants")]
#[allow(clippy::print_stdout, reason = "the program's output")]
fn mutants(limit: u64, names: &[&str]) -> ExitCode {
    use quorate_sim::mutants::CATALOGUE;
    let wanted: Vec<_> = CATALOGUE
        .iter()
        .filter(|mutant| names.is_empty() || names.contains(&mutant.name))
        .collect();
    // A deliberate bug may well make the product panic; the run reports that.
    std::panic::set_hook(Box::new(|_| {}));
    let (next, missed) = (AtomicU64::new(0), AtomicU64::new(0));
    println!("| deliberate bug | what it breaks | seeds until found | found as |");
    println!("|---|---|---|---|");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(mutant) = usize::try_from(next.fetch_add(1, Ordering::Relaxed))
                    .ok()
                    .and_then(|at| wanted.get(at))
                {
                    if !hunt(mutant, limit) {
                        missed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner();
    println!("{} of {} found within {limit} seeds", wanted.len() as u64 - missed, wanted.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(feature = "mutants")]
#[allow(clippy::print_stdout, reason = "the program's output")]
fn hunt(mutant: &quorate_sim::mutants::Mutant, limit: u64) -> bool {
    for seed in 1..=limit {
        let report = quorate_sim::mutants::run_with(mutant, seed);
        if let Some(violation) = report.violations.first() {
            let found: String = violation.chars().take(100).collect();
            println!("| {} | {} | {seed} | {found} |", mutant.name, mutant.breaks);
            return true;
        }
    }
    println!("| {} | {} | NOT FOUND in {limit} | |", mutant.name, mutant.breaks);
    false
}
