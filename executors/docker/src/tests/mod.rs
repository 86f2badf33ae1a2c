//! The executor over a scripted engine: every way an engine can fail.

pub(crate) mod support;
