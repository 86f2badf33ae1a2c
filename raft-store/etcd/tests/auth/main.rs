//! Authentication over the wire: by gRPC clients, by stock etcdctl, and beside a real etcd.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "tests report what they skipped")]

mod advisories;
mod client;
mod cluster;
mod etcdctl;
mod real;
mod recipes;
mod service;
mod tokens;
