//! Making a member the only one of its cluster, for when the majority is lost for good.

use crate::membership::{ClusterMember, node_of};
use crate::types::{Membership, Payload};
use crate::wire::encode_payload;
use quorate_log::{Done, Entry, LogId, RaftLog};
use quorate_types::LogIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Appends to the log of a member that does not run that nobody else belongs to the cluster. What the
/// log holds beyond what was committed becomes committed by it, so this forgets nothing that this
/// member has; what only others had is lost.
///
/// # Errors
/// The log holds nothing, so there is no cluster yet, or it cannot be written.
pub fn make_alone(log: &RaftLog, member: &ClusterMember, done: Done) -> Result<(), io::Error> {
    let last = log.state().last.ok_or_else(|| io::Error::other("the member has never run"))?;
    let voters = vec![BTreeSet::from([member.id.0])];
    let nodes = BTreeMap::from([(member.id.0, node_of(member))]);
    let membership = Membership::new(voters, nodes).map_err(io::Error::other)?;
    let id = LogId { term: last.term, index: LogIndex(last.index.0 + 1) };
    let payload = encode_payload(&Payload::Membership(membership));
    log.append(vec![Entry { id, payload }], done).map_err(io::Error::other)
}
