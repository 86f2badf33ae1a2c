//! The state over its real database, and against the contract.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod durability;
mod install;
mod script;
mod single;
mod twins;
