//! The agent over an in-memory control plane and a scripted executor.

mod adoption;
mod deletion;
mod fake;
mod lifecycle;
mod node;
mod probes;
mod world;
