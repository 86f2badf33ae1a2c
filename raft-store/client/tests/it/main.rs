//! The store over the network, against our own server and against a stock etcd.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "says what it skips")]
#![allow(clippy::disallowed_methods, reason = "real servers in real time")]

mod conformance;
mod jobs;
mod leader;
mod servers;
