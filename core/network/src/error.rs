//! Why the service network cannot do its work.

use std::net::SocketAddr;
use thiserror::Error;

/// Failure of the service network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Another cluster on this machine uses the range.
    #[error(
        "loopback range 127.{octet}.0.0/16 is in use by another cluster on this machine: stop it first ({address}: {source})"
    )]
    RangeInUse {
        /// Second octet of the range.
        octet: u8,
        /// The address that marks the range as used.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Every range is taken.
    #[error(
        "no free loopback range: all of 127.16.0.0/16 to 127.250.0.0/16 are in use by clusters on this machine"
    )]
    NoFreeRange,
}
