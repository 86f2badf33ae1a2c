//! Real processes, real kills. Every wait is for a condition, bounded, never for a time.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and a measurement prints"
)]

mod adoption;
mod descendants;
mod latency;
mod lifecycle;
mod output;
mod shim_death;
mod start;
mod support;
