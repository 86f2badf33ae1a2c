//! The agent over an in-memory control plane and a scripted executor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adoption;
mod deletion;
mod fake;
mod lifecycle;
mod node;
mod probes;
mod process;
mod world;
