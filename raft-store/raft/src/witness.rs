//! What this member has seen others keep: evidence against a disk that was set back.
//!
//! A machine that is restored from an older copy of its disk has forgotten votes and entries that it
//! has acknowledged, and nothing on that disk says so. But whoever counted on an acknowledgement has
//! seen it: a leader those of its followers, followers those of their leader, which tells with every
//! request how far its own log is durable, candidates the votes that they got. A member that starts
//! asks the others what they have seen of it, and does not start if that is more than it has.
//!
//! Invariants: of one log, (term of the vote, last entry) never shrinks: a log is truncated only under
//! a higher vote, which is durable before. So a log that is less than what was seen of it has been set
//! back, and one that is not has everything that was seen. The evidence is in memory: a member that
//! was set back goes unnoticed if nobody who saw it runs and answers.

use crate::error::Error;
use crate::transport::{Lane, Method, Peer, Transport};
use crate::types::{LogId, Vote};
use crate::wire::{self, Envelope, Hello, Question};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use quorate_seams::bug;
use quorate_types::MemberId;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How much a log holds durably; more is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extent {
    /// The term of the vote.
    pub(crate) term: u64,
    /// The last entry.
    pub(crate) last: Option<LogId>,
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last {
            Some(last) => {
                let entered = last.leader_id.term;
                write!(f, "entries up to {} of term {entered} in term {}", last.index, self.term)
            }
            None => write!(f, "a vote in term {}", self.term),
        }
    }
}

/// What was seen of every member, by the birth of its log.
#[derive(Debug, Default)]
pub(crate) struct Witness(Mutex<BTreeMap<u64, (u64, Extent)>>);

impl Witness {
    /// Notes that a member's log holds this much; a log whose birth nobody told proves nothing.
    pub(crate) fn note(&self, member: u64, birth: u64, extent: Extent) {
        if birth == 0 {
            return;
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.entry(member).or_insert((birth, extent));
        if known.0 != birth || known.1 < extent {
            *known = (birth, extent);
        }
    }

    /// Notes what a leader tells of its own log.
    pub(crate) fn note_leader(&self, envelope: &Envelope, vote: &Vote) {
        let extent = Extent { term: vote.leader_id.term, last: envelope.durable };
        self.note(vote.leader_id.voted_for, envelope.from, extent);
    }

    /// What was seen of a member's log.
    pub(crate) fn of(&self, member: u64, birth: u64) -> Option<Extent> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&member).filter(|(known, _)| *known == birth).map(|(_, extent)| *extent)
    }
}

/// Asks members what they are and what they have seen of the one that asks; those that do not answer
/// in time are left out.
pub(crate) async fn ask(
    transport: &dyn Transport,
    question: &Question,
    members: Vec<(MemberId, String)>,
    limit: Duration,
) -> Vec<(u64, Hello)> {
    let body = wire::encode_question(question);
    let ask = |(id, addr): (MemberId, String)| {
        let body = body.clone();
        async move {
            let peer = Peer { id, addr, lane: Lane::Control };
            let reply = transport.call(&peer, Method::Hello, body, limit).await;
            Some((id.0, wire::decode_hello(reply.ok()?).ok()?))
        }
    };
    let asked: FuturesUnordered<_> = members.into_iter().map(ask).collect();
    asked.filter_map(std::future::ready).collect().await
}

/// Refuses a log of which another member has seen more than there is.
pub(crate) fn judge(own: MemberId, has: Extent, answers: &[(u64, Hello)]) -> Result<(), Error> {
    let seen = answers.iter().filter_map(|(id, hello)| Some((*id, hello.seen()?)));
    match seen.max_by_key(|(_, extent)| *extent) {
        Some((by, extent)) if has < extent && !bug("raft-believes-a-disk-set-back") => {
            let reason = format!("member {by} has seen it acknowledge {extent}, it has {has}");
            Err(Error::SetBack { member: own, reason })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::log_id;

    fn extent(term: u64, last: Option<(u64, u64)>) -> Extent {
        Extent { term, last: last.map(|(term, index)| log_id(term, index)) }
    }

    #[test]
    fn the_most_that_was_seen_of_one_log_is_kept() {
        let witness = Witness::default();
        witness.note(2, 0, extent(9, None));
        assert_eq!(witness.of(2, 0), None, "a log without a birth proves nothing");
        witness.note(2, 7, extent(3, Some((3, 10))));
        witness.note(2, 7, extent(3, Some((2, 40))));
        assert_eq!(witness.of(2, 7), Some(extent(3, Some((3, 10)))));
        witness.note(2, 7, extent(4, None));
        assert_eq!(witness.of(2, 7), Some(extent(4, None)), "a vote outweighs entries before it");
        assert_eq!(witness.of(2, 8), None, "another log");
        witness.note(2, 8, extent(1, None));
        assert_eq!(witness.of(2, 8), Some(extent(1, None)));
    }

    #[test]
    fn only_a_log_that_lacks_what_was_seen_is_refused() {
        let answer = |seen: Option<Extent>| (1, Hello::new(5, true, seen));
        let seen = extent(3, Some((3, 10)));
        let judge = |has, answers: &[(u64, Hello)]| judge(MemberId(2), has, answers).is_ok();
        assert!(judge(extent(0, None), &[answer(None)]));
        assert!(judge(seen, &[answer(None), answer(Some(seen))]));
        assert!(judge(extent(3, Some((3, 11))), &[answer(Some(seen))]));
        // Truncated since, under a vote that is there.
        assert!(judge(extent(4, Some((3, 9))), &[answer(Some(seen))]));
        assert!(!judge(extent(3, Some((3, 9))), &[answer(None), answer(Some(seen))]));
        assert!(!judge(extent(2, Some((2, 20))), &[answer(Some(seen))]));
    }
}
