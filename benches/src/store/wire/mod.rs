//! A lean gRPC client: what it costs is taken from the server it shares the machine with.
//!
//! HTTP/2 by hand, for one purpose: requests are bytes that are ready to send, answers are counted
//! and timed, and nothing of their headers is decoded. The same client drives every server.

mod calls;
mod connection;
mod driver;
mod headers;
mod session;

pub(crate) use calls::{Method, Put, Random, VALUE_BYTES, key, put_txn, range};
pub(crate) use connection::{Connection, Seen};
pub(crate) use driver::{Arrivals, Call, Load, Requests, Shape};
pub(crate) use session::{Session, messages};
