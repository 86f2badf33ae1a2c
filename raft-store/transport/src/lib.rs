//! Member-to-member traffic over gRPC: `quorate-raft`'s transport, and the server for the other end.
//!
//! Place: beside `quorate-raft`, whose traits it implements and whose bytes it carries without
//! looking at them; the only member crate that names tonic.
//!
//! Invariants: every call names the cluster and the member it is meant for, and is refused before
//! anything happens when they are not this one's. A connection that stops answering is given up
//! within the keep-alive time. Stopping the server closes every socket at once.

mod client;
mod identity;
mod net;
mod server;
mod tls;

pub use client::{GrpcTransport, KeepAlive, describe};
pub use identity::Identity;
pub use net::{Caller, ListenError, Serving, Socket, Sockets, Url, UrlError, serve};
pub use server::{Listener, Server};
pub use tls::{ClientTls, ServerTls, TlsError, TlsOptions, TlsVersion, self_signed};

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::or_fun_call,
    clippy::map_unwrap_or,
    clippy::uninlined_format_args,
    clippy::semicolon_if_nothing_returned,
    clippy::needless_pass_by_value,
    clippy::manual_let_else,
    missing_debug_implementations,
    unused_qualifications,
    elided_lifetimes_in_paths,
    reason = "generated"
)]
mod proto {
    tonic::include_proto!("quorate.peer.v1");
}

/// Largest message either side takes: an append request of the largest read and some room.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// HTTP/2 windows, so that one stream can fill a fast network.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
