//! Moving in and out of etcd, with real ones where they are installed.
//!
//! Takes `etcd` in the path, and the program that `ETCD_BIN` names if it is another; `etcdctl`, and
//! `etcdutl` if there is one, lie beside it. Without any, the tests with real ones say SKIP.

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
