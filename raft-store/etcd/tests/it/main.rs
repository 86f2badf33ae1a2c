//! The services over the wire: what clients see.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "tests report what they skipped")]

mod clients;
mod compatibility;
mod differential;
mod election;
mod failures;
mod gateway;
mod health;
mod http;
mod leader;
mod lease;
mod lock;
mod maintenance;
mod members;
mod metrics;
mod own;
mod range_stream;
mod reflection;
mod stock;
mod watch;
