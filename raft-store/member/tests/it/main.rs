//! Members on real disks and real sockets.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "tests report what they measured")]

mod backup;
mod cluster;
mod conformance;
mod crash;
mod failing_log;
mod full_disk;
mod membership;
mod metrics;
mod model;
mod numbers;
mod process;
mod refusals;
mod restart;
mod snapshots;
mod torture;
mod trial;
