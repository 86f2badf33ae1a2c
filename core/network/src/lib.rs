//! Service table, layer-4 proxy and address pools: how pods are reached.
//!
//! Place: beside the agent, above the cache. Services get one loopback address each (127.0.0.0/8
//! needs no privilege on Linux); the [`Proxy`] listens there and passes connections on to the pods
//! that their EndpointSlices call ready.
//!
//! Invariants: [`table`] is pure; an address is handed out in the same transaction that stores the
//! Service, so that no two Services share one; a connection that was passed on is never cut because
//! its pod stopped being ready: it drains.

mod admission;
mod backend;
mod error;
mod pool;
mod proxy;
pub mod table;

pub use admission::ServiceAddresses;
pub use error::Error;
pub use pool::{LoopbackRange, RangeClaim};
pub use proxy::{Proxy, ProxyOptions, ProxyStats};
