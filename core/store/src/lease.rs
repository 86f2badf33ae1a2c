//! Answers about leases.

use bytes::Bytes;
use quorate_types::LeaseId;
use std::time::Duration;

/// A lease that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseGranted {
    /// Its id: the one asked for or, for [`LeaseId::NONE`], one that the store chose.
    pub id: LeaseId,
    /// Its time to live, never less than asked for.
    pub ttl: Duration,
}

/// What is left of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseTimeToLive {
    /// Its id.
    pub id: LeaseId,
    /// The time to live it was granted with.
    pub granted: Duration,
    /// Time until it expires unless it is kept alive.
    pub remaining: Duration,
    /// The keys attached to it, sorted.
    pub keys: Vec<Bytes>,
}
