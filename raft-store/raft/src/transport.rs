//! What consensus needs from a network, in bytes: implemented over gRPC by `quorate-transport`.
//!
//! Invariants: a call that failed as [`CallError::NotSent`] or [`CallError::Refused`] has had no
//! effect on the other side; after [`CallError::Lost`] nothing is known. Frames of one stream
//! arrive in order or the stream fails.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use quorate_types::MemberId;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Whether the member answers at all.
    Hello,
    /// One append request, as heartbeats use it.
    Append,
    /// A vote.
    Vote,
    /// A vote that changes nothing.
    PreVote,
    /// Take over leadership.
    TransferLeader,
    /// Propose a command; only the leader serves it, as everything below.
    Propose,
    /// The index a linearizable read has to wait for.
    ReadIndex,
    /// Renew a lease.
    LeaseKeepAlive,
    /// Ask what is left of a lease.
    LeaseTimeToLive,
    /// Change who belongs to the cluster.
    ChangeMembers,
    /// The hash of a member's history at a revision; any member serves it.
    HashKv,
    /// The files of a snapshot that is about to be sent; answered with what the receiver has of them.
    OfferSnapshot,
    /// Which cluster this is and who belongs to it; any member tells it to whoever asks.
    Describe,
}

impl Method {
    const ALL: [(Self, u32); 13] = [
        (Self::Hello, 1),
        (Self::Append, 2),
        (Self::Vote, 3),
        (Self::PreVote, 4),
        (Self::TransferLeader, 5),
        (Self::Propose, 6),
        (Self::ReadIndex, 7),
        (Self::LeaseKeepAlive, 8),
        (Self::LeaseTimeToLive, 9),
        (Self::ChangeMembers, 10),
        (Self::HashKv, 11),
        (Self::OfferSnapshot, 12),
        (Self::Describe, 13),
    ];

    /// Its number on the wire.
    #[must_use]
    pub fn number(self) -> u32 {
        Self::ALL.iter().find(|(method, _)| *method == self).map_or(0, |(_, number)| *number)
    }

    /// The method of a number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == number).map(|(method, _)| *method)
    }
}

/// Which connection traffic goes over, so that nothing large delays what must be quick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Heartbeats and elections.
    Control,
    /// Log entries.
    Append,
    /// Snapshots.
    Snapshot,
    /// What clients of this member ask the leader.
    Forward,
}

/// Another member and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Its id.
    pub id: MemberId,
    /// Its addresses: `host:port`, or URLs separated by commas.
    pub addr: String,
    /// Which connection to use.
    pub lane: Lane,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {} at {}", self.id, self.addr)
    }
}

/// Why a call failed, and what that says about its effect.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// It never left this member.
    #[error("{peer} cannot be reached: {reason}")]
    NotSent {
        /// Whom.
        peer: String,
        /// Why.
        reason: String,
    },
    /// The other side refused it before doing anything.
    #[error("{peer} refused: {reason}")]
    Refused {
        /// Who.
        peer: String,
        /// Why.
        reason: String,
    },
    /// It may or may not have arrived.
    #[error("the call to {peer} was lost: {reason}")]
    Lost {
        /// To whom.
        peer: String,
        /// Why.
        reason: String,
    },
}

/// Calls other members.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// One request, one reply, within a time.
    ///
    /// # Errors
    /// See [`CallError`]; when the time has passed, `Lost`, or `NotSent` if no connection came up.
    async fn call(
        &self,
        to: &Peer,
        method: Method,
        body: Bytes,
        limit: Duration,
    ) -> Result<Bytes, CallError>;

    /// A stream of append requests and the stream of their replies, in order. The reply stream ends
    /// after the last reply when the request stream ends.
    ///
    /// # Errors
    /// No connection, or refused.
    async fn append(
        &self,
        to: &Peer,
        requests: BoxStream<'static, Bytes>,
    ) -> Result<BoxStream<'static, Result<Bytes, CallError>>, CallError>;

    /// Sends the frames of a snapshot and waits until it is installed.
    ///
    /// # Errors
    /// See [`CallError`].
    async fn snapshot(
        &self,
        to: &Peer,
        frames: BoxStream<'static, Bytes>,
    ) -> Result<Bytes, CallError>;
}

/// Serves what other members call.
#[async_trait]
pub trait Inbound: Send + Sync + 'static {
    /// Serves [`Transport::call`].
    ///
    /// # Errors
    /// Text for the caller; it learns nothing about the effect.
    async fn call(&self, method: Method, body: Bytes) -> Result<Bytes, String>;

    /// Serves [`Transport::append`]; the reply stream ends after an error.
    fn append(
        &self,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, String>>;

    /// Serves [`Transport::snapshot`]; the frames end with an error if the sender vanished.
    ///
    /// # Errors
    /// Text for the caller.
    async fn snapshot(
        &self,
        frames: BoxStream<'static, Result<Bytes, String>>,
    ) -> Result<Bytes, String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_number_of_its_own() {
        for (method, number) in Method::ALL {
            assert_eq!(Method::from_number(number), Some(method));
            assert_eq!(method.number(), number);
        }
        assert_eq!(Method::from_number(0), None);
    }
}
