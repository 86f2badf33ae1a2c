//! The suite itself is tried: the reference passes, and every deliberate fault is caught by the
//! case that is there for it.

mod faulty;

use super::{ClockControl, Fixture, StoreFactory, Suite, run};
use crate::MemoryStore;
use async_trait::async_trait;
use faulty::{Fault, FaultyStore};
use quorate_seams::{ManualClock, SystemClock};
use std::sync::Arc;
use std::time::Duration;

struct Memory;

#[async_trait]
impl StoreFactory for Memory {
    async fn fresh(&self) -> Fixture {
        let clock = ManualClock::new();
        Fixture::new(MemoryStore::new(clock.clone()), ClockControl::Manual(clock))
    }
}

struct MemoryInRealTime;

#[async_trait]
impl StoreFactory for MemoryInRealTime {
    async fn fresh(&self) -> Fixture {
        Fixture::new(MemoryStore::new(SystemClock::shared()), ClockControl::Real)
    }
}

struct Faulty(Option<Fault>);

#[async_trait]
impl StoreFactory for Faulty {
    async fn fresh(&self) -> Fixture {
        let clock = ManualClock::new();
        let inner = MemoryStore::new(clock.clone());
        let store = Arc::new(FaultyStore::new(inner, self.0));
        let fixture = Fixture::new(store, ClockControl::Manual(clock));
        // Some faults show as something that never comes.
        if self.0.is_some() { fixture.with_patience(Duration::from_millis(300)) } else { fixture }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_passes_under_a_manual_clock() {
    run(Memory).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_passes_under_the_real_clock() {
    Suite::all().only("lease::").run(MemoryInRealTime).await.assert_passed();
}

#[tokio::test]
async fn the_wrapper_without_a_fault_passes() {
    run(Faulty(None)).await.assert_passed();
}

#[tokio::test]
async fn every_fault_is_caught_by_the_case_that_is_there_for_it() {
    let mut missed = Vec::new();
    for (fault, name) in faulty::CATALOGUE {
        let suite = Suite::all().only(name);
        assert_eq!(suite.cases().len(), 1, "{name} names one case");
        let report = suite.run(Faulty(Some(*fault))).await;
        match report.failed().next() {
            Some((_, error)) => println!("{fault:?}: {name}: {:.160}", error.to_string()),
            None => missed.push((fault, name)),
        }
    }
    assert!(missed.is_empty(), "faults that their case did not catch: {missed:#?}");
}

#[test]
fn the_suite_is_as_large_as_promised_and_its_names_differ() {
    let mut names: Vec<String> = Suite::all().cases().iter().map(super::Case::name).collect();
    assert!(names.len() >= 100, "{} cases", names.len());
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two cases of one name");
}

#[tokio::test]
async fn a_panicking_factory_fails_its_case_and_no_other() {
    struct Broken;
    #[async_trait]
    impl StoreFactory for Broken {
        async fn fresh(&self) -> Fixture {
            panic!("no disk");
        }
    }
    let report = Suite::all().only("limits::").run(Broken).await;
    assert_eq!(report.failed().count(), report.outcomes().len());
    assert!(report.to_string().contains("panicked: no disk"), "{report}");
}
