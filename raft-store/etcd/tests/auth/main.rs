//! Authentication over the wire: by gRPC clients, by stock etcdctl, and beside a real etcd.

#![allow(
    clippy::type_complexity,
    clippy::field_reassign_with_default,
    clippy::redundant_closure_for_method_calls,
    clippy::semicolon_if_nothing_returned,
    clippy::map_unwrap_or,
    clippy::manual_let_else,
    clippy::too_many_arguments,
    clippy::explicit_iter_loop,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::await_holding_lock,
    clippy::large_futures,
    reason = "a test says what it needs in the fewest words"
)]

mod advisories;
mod client;
mod cluster;
mod etcdctl;
mod real;
mod recipes;
mod service;
mod tokens;
