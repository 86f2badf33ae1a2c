//! The API over real sockets: with a plain HTTP client, and with the real kubectl.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod access;
mod client;
mod kubectl;
mod refused;
mod script;
mod tls;
mod world;
