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

use crate::consensus::{Consensus, start_error};
use crate::error::Error;
use crate::hello;
use crate::machine::{StateMachine, applied_id};
use crate::options::Options;
use crate::storage::{LogStore, from_log};
use crate::transport::Transport;
use crate::types::{LogId, Vote};
use crate::wire::{Envelope, Hello, Question, decode_vote};
use openraft::StorageHelper;
use quorate_log::RaftLog;
use quorate_mvcc::Applied;
use quorate_seams::bug;
use quorate_types::{LogIndex, MemberId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How much a log holds durably; more is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extent {
    /// The term of the vote.
    pub(crate) term: u64,
    /// The last entry.
    pub(crate) last: Option<LogId>,
}

impl Extent {
    /// What there is on a member's disk; the state may be ahead of the log after a snapshot.
    fn of(log: &RaftLog, applied: &Applied) -> Result<Self, Error> {
        let vote = log.vote().map(decode_vote).transpose().map_err(start_error)?;
        let last = log.state().last.map(from_log).max(applied_id(applied));
        Ok(Self { term: vote.map_or(0, |vote| vote.leader_id.term), last })
    }
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

/// Asks the other members what they have seen of this one's log, if it has any; whoever does not
/// answer soon is not waited for.
///
/// # Errors
/// [`Error::SetBack`] if one has seen more than there is.
pub(crate) async fn refuse_set_back(
    options: &Options,
    store: &mut LogStore,
    machine: &mut StateMachine,
    transport: &dyn Transport,
) -> Result<(), Error> {
    let (log, applied) = (store.log(), machine.applied());
    let has = Extent::of(log, &applied)?;
    if has == Extent::default() {
        return Ok(());
    }
    let question = Question { member: options.id.0, birth: log.birth() };
    // The state may lag behind the log: who belongs to the cluster may be in the log alone.
    let members = StorageHelper::new(store, machine).get_membership().await.map_err(start_error)?;
    let mut others: BTreeMap<MemberId, String> = options.peers.clone();
    let nodes = members.committed().nodes().chain(members.effective().nodes());
    others.extend(nodes.map(|(id, node)| (MemberId(*id), node.addr.clone())));
    others.remove(&options.id);
    let limit = options.timing.election_min / 2;
    let answers = hello::ask(transport, &question, others.into_iter().collect(), limit).await;
    judge(options.id, has, &answers)
}

/// Refuses a log of which another member has seen more than there is.
fn judge(own: MemberId, has: Extent, answers: &[(u64, Hello)]) -> Result<(), Error> {
    let seen = answers.iter().filter_map(|(id, hello)| Some((*id, hello.seen()?)));
    match seen.max_by_key(|(_, extent)| *extent) {
        Some((by, extent)) if has < extent && !bug("raft-believes-a-disk-set-back") => {
            let reason = format!("member {by} has seen it acknowledge {extent}, it has {has}");
            Err(Error::SetBack { member: own, reason })
        }
        _ => Ok(()),
    }
}

impl Consensus {
    /// The last entry that this member has seen in another one's log, while that has the birth that the
    /// membership names: what would be missed if that member's disk were set back.
    #[must_use]
    pub fn seen_of(&self, id: MemberId) -> Option<LogIndex> {
        let birth = self.inner.recorded(id.0)?;
        self.inner.witness.of(id.0, birth)?.last.map(|last| LogIndex(last.index))
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
