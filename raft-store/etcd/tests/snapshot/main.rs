//! Moving in and out of etcd, with real ones where they are installed.
//!
//! Takes `etcd` in the path, and the program that `ETCD_BIN` names if it is another; `etcdctl`, and
//! `etcdutl` if there is one, lie beside it. Without any, the tests with real ones say SKIP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "tests report what they skipped")]
#![allow(missing_docs, reason = "a test program")]

mod client;
mod drive;
mod into_etcd;
mod into_ours;
mod ours;
mod peer;
mod refusals;
mod streaming;
mod users;
