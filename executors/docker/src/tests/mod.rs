//! The executor over a scripted engine: every way an engine can fail.

mod creating;
mod fake;
mod observing;
mod output;
mod starting;
mod stopping;
pub(crate) mod support;
