//! The Docker Engine of this machine; skipped, with the reason, where there is none. What a test makes
//! carries a label or a name of its own, and goes at its end.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

mod agent;
mod bench;
mod conformance;
