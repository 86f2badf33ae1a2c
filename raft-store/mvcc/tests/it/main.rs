//! The state over its real database, and against the contract.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "tests report what they compared")]

mod auth;
mod conformance;
mod durability;
mod etcd;
mod history;
mod install;
mod script;
mod single;
mod twins;
