//! In which buckets an etcd keeps what, and in which bytes. Pure.
//!
//! | bucket | key | value |
//! |---|---|---|
//! | `alarm` | `AlarmMember` | nothing |
//! | `auth` | `authEnabled`, `authRevision` | one byte, a big-endian number |
//! | `authRoles`, `authUsers` | name | `authpb` message |
//! | `cluster` | `clusterVersion`, `downgrade` | text (3.5 and later) |
//! | `key` | revision | `mvccpb.KeyValue` |
//! | `lease` | id, big-endian | `leasepb.Lease` |
//! | `members`, `members_removed` | id in hexadecimal | JSON |
//! | `meta` | `consistent_index`, `term`, `confState`, compactions, `storageVersion` | numbers, JSON, revisions, text |

use crate::proto::etcdserverpb as pb;
use prost::Message;
use quorate_member::{Alarm, StoredLease};
use quorate_types::{LeaseId, Revision};
use serde_json::{Map, Value, json};

pub(super) const ALARM: &str = "alarm";
pub(super) const AUTH: &str = "auth";
pub(super) const AUTH_ROLES: &str = "authRoles";
pub(super) const AUTH_USERS: &str = "authUsers";
pub(super) const CLUSTER: &str = "cluster";
pub(super) const KEY: &str = "key";
pub(super) const LEASE: &str = "lease";
pub(super) const MEMBERS: &str = "members";
pub(super) const MEMBERS_REMOVED: &str = "members_removed";
pub(super) const META: &str = "meta";

pub(super) const AUTH_ENABLED: &[u8] = b"authEnabled";
pub(super) const AUTH_REVISION: &[u8] = b"authRevision";
pub(super) const CONF_STATE: &[u8] = b"confState";
pub(super) const CONSISTENT_INDEX: &[u8] = b"consistent_index";
pub(super) const FINISHED_COMPACTION: &[u8] = b"finishedCompactRev";
pub(super) const SCHEDULED_COMPACTION: &[u8] = b"scheduledCompactRev";
pub(super) const STORAGE_VERSION: &[u8] = b"storageVersion";
pub(super) const TERM: &[u8] = b"term";

/// etcd's `leasepb.Lease`.
#[derive(Clone, PartialEq, Message)]
struct LeaseMessage {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int64, tag = "2")]
    ttl: i64,
    #[prost(int64, tag = "3")]
    remaining: i64,
}

pub(super) fn encode_lease(lease: StoredLease) -> ([u8; 8], Vec<u8>) {
    let StoredLease { id, ttl_seconds: ttl, remaining_seconds: remaining } = lease;
    (id.0.to_be_bytes(), LeaseMessage { id: id.0, ttl, remaining }.encode_to_vec())
}

pub(super) fn decode_lease(value: &[u8]) -> Option<StoredLease> {
    let LeaseMessage { id, ttl, remaining } = LeaseMessage::decode(value).ok()?;
    // What is left at a checkpoint is never more than all of it.
    let remaining_seconds = if remaining < ttl { remaining.max(0) } else { 0 };
    Some(StoredLease { id: LeaseId(id), ttl_seconds: ttl, remaining_seconds })
}

pub(super) fn encode_alarm(alarm: &Alarm) -> Vec<u8> {
    crate::maintenance::wire_alarm(alarm).encode_to_vec()
}

/// A compaction, written as the first change of its revision.
pub(super) fn encode_compaction(revision: Revision) -> Vec<u8> {
    let mut bytes = revision.0.to_be_bytes().to_vec();
    bytes.push(b'_');
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

/// The main revision of a revision key.
pub(super) fn decode_revision(bytes: &[u8]) -> Option<Revision> {
    let main = i64::from_be_bytes(*bytes.first_chunk()?);
    (matches!(bytes.len(), 17 | 18) && bytes[8] == b'_' && main >= 0).then_some(Revision(main))
}

pub(super) fn decode_number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// Name of a member in the buckets: its id in hexadecimal.
pub(super) fn member_key(id: u64) -> Vec<u8> {
    format!("{id:x}").into_bytes()
}

pub(super) fn encode_member(member: &pb::Member) -> Vec<u8> {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(member.id));
    fields.insert("peerURLs".to_owned(), json!(member.peer_ur_ls));
    if member.is_learner {
        fields.insert("isLearner".to_owned(), json!(true));
    }
    fields.insert("name".to_owned(), json!(member.name));
    if !member.client_ur_ls.is_empty() {
        fields.insert("clientURLs".to_owned(), json!(member.client_ur_ls));
    }
    Value::Object(fields).to_string().into_bytes()
}

/// Who votes, as etcd keeps it since 3.5.
pub(super) fn encode_conf_state(members: &[pb::Member]) -> Vec<u8> {
    let ids = |learner: bool| -> Vec<u64> {
        members.iter().filter(|member| member.is_learner == learner).map(|m| m.id).collect()
    };
    let mut fields = Map::new();
    fields.insert("voters".to_owned(), json!(ids(false)));
    if !ids(true).is_empty() {
        fields.insert("learners".to_owned(), json!(ids(true)));
    }
    fields.insert("auto_leave".to_owned(), json!(false));
    Value::Object(fields).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_etcds() {
        let lease = StoredLease { id: LeaseId(258), ttl_seconds: 60, remaining_seconds: 7 };
        let (key, value) = encode_lease(lease);
        assert_eq!(key, [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(value, [8, 0x82, 2, 16, 60, 24, 7]);
        assert_eq!(decode_lease(&value), Some(lease));
        assert_eq!(decode_lease(b"\xff"), None);
    }

    #[test]
    fn compactions_are_revision_keys() {
        let bytes = encode_compaction(Revision(258));
        assert_eq!(bytes, b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\0");
        assert_eq!(decode_revision(&bytes), Some(Revision(258)));
        assert_eq!(decode_revision(b"short"), None);
        assert_eq!(decode_revision(&[0xff; 17]), None);
    }

    #[test]
    fn members_are_etcds_json() {
        let member = pb::Member {
            id: 0xab,
            name: "a".into(),
            peer_ur_ls: vec!["http://h:1".into()],
            ..pb::Member::default()
        };
        let json = r#"{"id":171,"name":"a","peerURLs":["http://h:1"]}"#;
        assert_eq!(encode_member(&member), json.as_bytes());
        assert_eq!(member_key(0xab), b"ab");
        let json = r#"{"auto_leave":false,"voters":[171]}"#;
        assert_eq!(encode_conf_state(&[member]), json.as_bytes());
    }
}
