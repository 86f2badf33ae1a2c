//! The few facts about the whole state, written with every batch.
//!
//! Place: key `state` of the family `meta`; beside it `format` and `cluster`, written once.

use crate::codec::AlarmMessage;
use crate::db::{Batch, Family, View};
use crate::layout::{Change, damaged};
use crate::{Alarm, Applied, Error};
use bytes::Bytes;
use prost::Message;
use quorate_types::{ClusterId, LogIndex, Revision, Term};
use std::collections::BTreeSet;

const STATE: &[u8] = b"state";
const FORMAT: &[u8] = b"format";
const CLUSTER: &[u8] = b"cluster";
/// Version of the layout of all families. Of version 1 were states whose index could hold only one
/// change of a key per revision.
const VERSION: &[u8] = b"2";

/// Where the state stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) applied: Applied,
    pub(crate) revision: Revision,
    /// The oldest revision that can be read; none before the first compaction.
    pub(crate) compacted: Revision,
    /// The first change that compaction has not visited yet.
    pub(crate) sweep: Change,
    /// Identified requests applied since the beginning.
    pub(crate) requests: u64,
    /// The alarms that are raised.
    pub(crate) alarms: BTreeSet<Alarm>,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            applied: Applied::default(),
            revision: Revision(1),
            compacted: Revision::NONE,
            sweep: Change::default(),
            requests: 0,
            alarms: BTreeSet::new(),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct MetaMessage {
    #[prost(uint64, optional, tag = "1")]
    index: Option<u64>,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(bytes = "bytes", tag = "3")]
    membership: Bytes,
    #[prost(int64, tag = "4")]
    revision: i64,
    #[prost(int64, tag = "5")]
    compacted: i64,
    #[prost(int64, tag = "6")]
    sweep_main: i64,
    #[prost(uint64, tag = "7")]
    sweep_sub: u64,
    #[prost(uint64, tag = "8")]
    requests: u64,
    #[prost(message, repeated, tag = "9")]
    alarms: Vec<AlarmMessage>,
}

impl Meta {
    /// Reads it; the beginning of everything if nothing was written yet.
    pub(crate) fn load(view: &dyn View) -> Result<Self, Error> {
        let Some(bytes) = view.value(Family::Meta, STATE)? else { return Ok(Self::default()) };
        let broken = || damaged("the applied state", STATE);
        let message = MetaMessage::decode(bytes).map_err(|_| broken())?;
        let alarms = message.alarms.into_iter().map(Alarm::try_from);
        let alarms = alarms.collect::<Result<_, _>>().map_err(|_| broken())?;
        Ok(Self {
            applied: Applied {
                index: message.index.map(LogIndex),
                term: Term(message.term),
                membership: message.membership,
            },
            revision: Revision(message.revision),
            compacted: Revision(message.compacted),
            sweep: Change { main: Revision(message.sweep_main), sub: message.sweep_sub },
            requests: message.requests,
            alarms,
        })
    }

    /// Whether compaction has visited everything below the watermark.
    pub(crate) fn is_swept(&self) -> bool {
        self.sweep >= Change { main: self.compacted, sub: 0 }
    }

    /// Its key and bytes in the family `meta`.
    pub(crate) fn encode(&self) -> (Vec<u8>, Bytes) {
        let message = MetaMessage {
            index: self.applied.index.map(|index| index.0),
            term: self.applied.term.0,
            membership: self.applied.membership.clone(),
            revision: self.revision.0,
            compacted: self.compacted.0,
            sweep_main: self.sweep.main.0,
            sweep_sub: self.sweep.sub,
            requests: self.requests,
            alarms: self.alarms.iter().map(AlarmMessage::from).collect(),
        };
        (STATE.to_vec(), message.encode_to_vec().into())
    }
}

/// What must be written so that the state carries its format and its cluster; empty if it does.
///
/// # Errors
/// It is of another format or cluster.
pub(crate) fn identify(view: &dyn View, cluster: Option<ClusterId>) -> Result<Batch, Error> {
    let mut batch = Batch::default();
    match view.value(Family::Meta, FORMAT)? {
        None => batch.put(Family::Meta, FORMAT, VERSION),
        Some(version) if version == VERSION => {}
        Some(version) => {
            return Err(Error::Format {
                path: "state database".into(),
                found: format!("has layout {:?}", String::from_utf8_lossy(&version)),
                expected: String::from_utf8_lossy(VERSION).into(),
            });
        }
    }
    let found =
        view.value(Family::Meta, CLUSTER)?.map(|bytes| parse_cluster(&bytes)).transpose()?;
    match (found, cluster) {
        (None, Some(cluster)) => {
            batch.put(Family::Meta, CLUSTER, cluster.0.to_be_bytes().to_vec());
        }
        (Some(found), Some(expected)) if found != expected => {
            return Err(Error::Cluster { found, expected });
        }
        _ => {}
    }
    Ok(batch)
}

/// What must be written so that the state stands at `meta` and belongs to a cluster, whatever it
/// belonged to before.
pub(crate) fn founding(meta: &Meta, cluster: ClusterId) -> Batch {
    let mut batch = Batch::default();
    let (key, value) = meta.encode();
    batch.put(Family::Meta, key, value);
    batch.put(Family::Meta, CLUSTER, cluster.0.to_be_bytes().to_vec());
    batch
}

fn parse_cluster(bytes: &[u8]) -> Result<ClusterId, Error> {
    let id = bytes.try_into().map_err(|_| damaged("the cluster's identity", CLUSTER))?;
    Ok(ClusterId(u64::from_be_bytes(id)))
}
