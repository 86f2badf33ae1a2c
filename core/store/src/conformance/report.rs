//! Trying cases and telling how it went.

use super::{
    Case, CaseError, StoreFactory, compaction, compare, concurrency, fencing, keep, lease, limits,
    nested, order, random, range, request, tell, txn, watch,
};
use futures::FutureExt;
use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;

/// The cases to try.
#[derive(Clone, Debug)]
pub struct Suite {
    cases: Vec<Case>,
}

impl Suite {
    /// All cases.
    #[must_use]
    pub fn all() -> Self {
        let topics = [
            range::cases(),
            order::cases(),
            txn::cases(),
            nested::cases(),
            keep::cases(),
            request::cases(),
            compare::cases(),
            watch::cases(),
            tell::cases(),
            lease::cases(),
            compaction::cases(),
            limits::cases(),
            fencing::cases(),
            concurrency::cases(),
            random::cases(),
        ];
        Self { cases: topics.into_iter().flatten().collect() }
    }

    /// Only the cases whose name contains a text: a topic, or one name.
    #[must_use]
    pub fn only(mut self, text: &str) -> Self {
        self.cases.retain(|case| case.name().contains(text));
        self
    }

    /// Only the cases whose name does not contain a text.
    #[must_use]
    pub fn without(mut self, text: &str) -> Self {
        self.cases.retain(|case| !case.name().contains(text));
        self
    }

    /// The cases.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Tries the cases one after another, each on a fresh store.
    pub async fn run<F: StoreFactory>(&self, factory: F) -> Report {
        let mut outcomes = Vec::with_capacity(self.cases.len());
        for case in &self.cases {
            let tried = AssertUnwindSafe(attempt(case, &factory)).catch_unwind().await;
            let result = tried.unwrap_or_else(|panic| Err(panicked(&*panic)));
            outcomes.push(Outcome { name: case.name(), result });
        }
        Report { outcomes }
    }
}

async fn attempt(case: &Case, factory: &dyn StoreFactory) -> Result<(), CaseError> {
    let fixture = factory.fresh().await;
    (case.run)(&fixture).await
}

fn panicked(panic: &(dyn Any + Send)) -> CaseError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    CaseError::Panicked(text.unwrap_or("without a message").to_owned())
}

/// Tries every case on stores of the factory.
pub async fn run<F: StoreFactory>(factory: F) -> Report {
    Suite::all().run(factory).await
}

/// How one case went.
#[derive(Debug)]
pub struct Outcome {
    /// The name of the case.
    pub name: String,
    /// Why it failed, if it did.
    pub result: Result<(), CaseError>,
}

/// How all cases went.
#[derive(Debug)]
#[must_use = "a report that nobody reads proves nothing"]
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Every case that was tried.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// The cases that failed, with the reason.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &CaseError)> {
        self.outcomes.iter().filter_map(|outcome| {
            let error = outcome.result.as_ref().err()?;
            Some((outcome.name.as_str(), error))
        })
    }

    /// For tests: prints the counts, and panics with the list of failures if there are any or if
    /// no case was tried.
    ///
    /// # Panics
    /// A case failed, or there was none.
    #[allow(clippy::print_stdout, reason = "test output")]
    pub fn assert_passed(&self) {
        assert!(!self.outcomes.is_empty(), "no case was tried: the filter matches none");
        assert!(self.failed().next().is_none(), "{self}");
        println!("{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed().count();
        let passed = self.outcomes.len() - failed;
        write!(f, "store conformance: {passed} passed, {failed} failed")?;
        for (name, error) in self.failed() {
            write!(f, "\n  {name}: {error}")?;
        }
        Ok(())
    }
}
