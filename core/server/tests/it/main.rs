//! The API over real sockets: with a plain HTTP client, and with the real kubectl.

mod client;
mod kubectl;
mod script;
mod world;
