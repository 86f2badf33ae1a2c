//! The suite that every store must pass.
//!
//! Place: library code behind the feature `conformance`, for the tests of whoever writes a store.
//! A [`StoreFactory`] makes a fresh store per case; [`run`] tries all cases and reports.
//!
//! Invariants: a case assumes nothing about latency, only that an answer comes within the
//! fixture's patience. It asks for what the contract says and no more, so it may run on any member
//! of a replicated store. The suite needs a tokio runtime with timers.
//!
//! ```
//! use async_trait::async_trait;
//! use quorate_seams::ManualClock;
//! use quorate_store::MemoryStore;
//! use quorate_store::conformance::{ClockControl, Fixture, StoreFactory, run};
//!
//! struct Memory;
//!
//! #[async_trait]
//! impl StoreFactory for Memory {
//!     async fn fresh(&self) -> Fixture {
//!         let clock = ManualClock::new();
//!         Fixture::new(MemoryStore::new(clock.clone()), ClockControl::Manual(clock))
//!     }
//! }
//!
//! # #[tokio::main] async fn main() {
//! run(&Memory).await.assert_passed();
//! # }
//! ```

#[macro_use]
mod case;
mod compaction;
mod compare;
mod concurrency;
mod fencing;
mod fixture;
mod keep;
mod lease;
mod limits;
mod nested;
mod order;
mod random;
mod range;
mod report;
mod request;
mod tell;
mod txn;
mod watch;
mod watcher;

#[cfg(test)]
mod tests;

pub use case::{Case, CaseError};
pub use fixture::{ClockControl, Fixture, StoreFactory};
pub use report::{Outcome, Report, Suite, run};
