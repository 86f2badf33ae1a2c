//! The protobuf messages, declared by hand. Tags are never reused.

use super::auth::{AuthMessage, AuthReplyMessage, CallerMessage};
use crate::layout::KeyValueMessage;
use bytes::Bytes;
use prost::{Message, Oneof};

/// Of [`CommandKind::Batch`] and [`BatchMessage::commands`], for those who write them by hand.
pub(super) const BATCH_TAG: u8 = 5;
pub(super) const COMMANDS_TAG: u8 = 1;

#[derive(Clone, PartialEq, Message)]
pub(super) struct CommandMessage {
    #[prost(oneof = "CommandKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub(super) kind: Option<CommandKind>,
    /// None for a command of the application's own.
    #[prost(message, optional, tag = "15")]
    pub(super) caller: Option<CallerMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum CommandKind {
    #[prost(message, tag = "1")]
    Txn(TxnMessage),
    #[prost(int64, tag = "2")]
    Compact(i64),
    #[prost(message, tag = "3")]
    Grant(GrantMessage),
    #[prost(message, tag = "4")]
    Revoke(RevokeMessage),
    #[prost(message, tag = "5")]
    Batch(BatchMessage),
    #[prost(message, tag = "6")]
    Checkpoint(CheckpointMessage),
    #[prost(message, tag = "7")]
    Alarm(AlarmChangeMessage),
    #[prost(message, tag = "8")]
    Custom(CustomMessage),
    #[prost(message, tag = "9")]
    Auth(AuthMessage),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CheckpointMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) leases: Vec<RemainingMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RemainingMessage {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(int64, tag = "2")]
    pub(super) seconds: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AlarmChangeMessage {
    #[prost(bool, tag = "1")]
    pub(super) raise: bool,
    #[prost(message, optional, tag = "2")]
    pub(super) alarm: Option<AlarmMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AlarmMessage {
    #[prost(uint64, tag = "1")]
    pub(crate) member: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) kind: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CustomMessage {
    #[prost(string, tag = "1")]
    pub(super) machine: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) body: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GrantMessage {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(int64, tag = "2")]
    pub(super) ttl_seconds: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RevokeMessage {
    #[prost(int64, repeated, tag = "1")]
    pub(super) ids: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BatchMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) commands: Vec<CommandMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TxnMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) compares: Vec<CompareMessage>,
    #[prost(message, repeated, tag = "2")]
    pub(super) success: Vec<OpMessage>,
    #[prost(message, repeated, tag = "3")]
    pub(super) failure: Vec<OpMessage>,
    #[prost(uint64, optional, tag = "4")]
    pub(super) fence: Option<u64>,
    /// 16 bytes, big-endian; none if empty.
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) request_id: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CompareMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) range: Option<KeyRangeMessage>,
    #[prost(uint32, tag = "2")]
    pub(super) op: u32,
    #[prost(oneof = "TargetKind", tags = "3, 4, 5, 6, 7")]
    pub(super) target: Option<TargetKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum TargetKind {
    #[prost(int64, tag = "3")]
    Version(i64),
    #[prost(int64, tag = "4")]
    CreateRevision(i64),
    #[prost(int64, tag = "5")]
    ModRevision(i64),
    #[prost(bytes = "bytes", tag = "6")]
    Value(Bytes),
    #[prost(int64, tag = "7")]
    Lease(i64),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyRangeMessage {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) start: Bytes,
    #[prost(oneof = "RangeEnd", tags = "2, 3, 4")]
    pub(super) end: Option<RangeEnd>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum RangeEnd {
    #[prost(bool, tag = "2")]
    Single(bool),
    #[prost(bytes = "bytes", tag = "3")]
    Before(Bytes),
    #[prost(bool, tag = "4")]
    Open(bool),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OpMessage {
    #[prost(oneof = "OpKind", tags = "1, 2, 3, 4")]
    pub(super) kind: Option<OpKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum OpKind {
    #[prost(message, tag = "1")]
    Range(RangeMessage),
    #[prost(message, tag = "2")]
    Put(PutMessage),
    #[prost(message, tag = "3")]
    Delete(DeleteMessage),
    #[prost(message, tag = "4")]
    Txn(TxnMessage),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RangeMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) range: Option<KeyRangeMessage>,
    #[prost(int64, tag = "2")]
    pub(super) revision: i64,
    #[prost(uint64, tag = "3")]
    pub(super) limit: u64,
    #[prost(bool, tag = "4")]
    pub(super) serializable: bool,
    #[prost(bool, tag = "5")]
    pub(super) keys_only: bool,
    #[prost(bool, tag = "6")]
    pub(super) count_only: bool,
    /// 0 none, else 1 key, 2 version, 3 creation, 4 change, 5 value.
    #[prost(uint32, tag = "7")]
    pub(super) sort: u32,
    #[prost(bool, tag = "8")]
    pub(super) descending: bool,
    #[prost(int64, tag = "9")]
    pub(super) min_mod: i64,
    #[prost(int64, tag = "10")]
    pub(super) max_mod: i64,
    #[prost(int64, tag = "11")]
    pub(super) min_create: i64,
    #[prost(int64, tag = "12")]
    pub(super) max_create: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PutMessage {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
    #[prost(int64, tag = "3")]
    pub(super) lease: i64,
    #[prost(bool, tag = "4")]
    pub(super) prev_kv: bool,
    #[prost(bool, tag = "5")]
    pub(super) ignore_value: bool,
    #[prost(bool, tag = "6")]
    pub(super) ignore_lease: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DeleteMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) range: Option<KeyRangeMessage>,
    #[prost(bool, tag = "2")]
    pub(super) prev_kv: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OutcomeMessage {
    #[prost(oneof = "OutcomeKind", tags = "1, 2")]
    pub(super) kind: Option<OutcomeKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum OutcomeKind {
    #[prost(message, tag = "1")]
    Reply(ReplyMessage),
    #[prost(message, tag = "2")]
    Failure(FailureMessage),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ReplyMessage {
    #[prost(oneof = "ReplyKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub(super) kind: Option<ReplyKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ReplyKind {
    #[prost(message, tag = "1")]
    Txn(TxnReplyMessage),
    #[prost(int64, tag = "2")]
    Compacted(i64),
    #[prost(message, tag = "3")]
    Granted(GrantedMessage),
    #[prost(int64, tag = "4")]
    Revoked(i64),
    #[prost(message, tag = "5")]
    Batch(OutcomesMessage),
    #[prost(uint64, tag = "6")]
    Checkpointed(u64),
    #[prost(message, tag = "7")]
    Alarms(AlarmsMessage),
    #[prost(message, tag = "8")]
    Custom(CustomReplyMessage),
    #[prost(message, tag = "9")]
    Auth(AuthReplyMessage),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AlarmsMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) alarms: Vec<AlarmMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CustomReplyMessage {
    #[prost(int64, tag = "1")]
    pub(super) revision: i64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) answer: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OutcomesMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) outcomes: Vec<OutcomeMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GrantedMessage {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(uint64, tag = "2")]
    pub(super) ttl_seconds: u64,
    #[prost(uint32, tag = "3")]
    pub(super) ttl_nanos: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TxnReplyMessage {
    #[prost(int64, tag = "1")]
    pub(super) revision: i64,
    #[prost(bool, tag = "2")]
    pub(super) succeeded: bool,
    #[prost(message, repeated, tag = "3")]
    pub(super) responses: Vec<OpReplyMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OpReplyMessage {
    #[prost(oneof = "OpReplyKind", tags = "1, 2, 3, 4")]
    pub(super) kind: Option<OpReplyKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum OpReplyKind {
    #[prost(message, tag = "1")]
    Range(RangeReplyMessage),
    #[prost(message, tag = "2")]
    Put(PutReplyMessage),
    #[prost(message, tag = "3")]
    Delete(DeleteReplyMessage),
    #[prost(message, tag = "4")]
    Txn(TxnReplyMessage),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RangeReplyMessage {
    #[prost(int64, tag = "1")]
    pub(super) revision: i64,
    #[prost(message, repeated, tag = "2")]
    pub(super) kvs: Vec<KeyValueMessage>,
    #[prost(uint64, tag = "3")]
    pub(super) count: u64,
    #[prost(bool, tag = "4")]
    pub(super) more: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PutReplyMessage {
    #[prost(message, optional, tag = "1")]
    pub(super) prev_kv: Option<KeyValueMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DeleteReplyMessage {
    #[prost(uint64, tag = "1")]
    pub(super) deleted: u64,
    #[prost(message, repeated, tag = "2")]
    pub(super) prev_kvs: Vec<KeyValueMessage>,
}

/// A store error: its code and what the variant of that code carries.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FailureMessage {
    #[prost(uint32, tag = "1")]
    pub(super) code: u32,
    #[prost(sint64, repeated, tag = "2")]
    pub(super) signed: Vec<i64>,
    #[prost(uint64, repeated, tag = "3")]
    pub(super) unsigned: Vec<u64>,
    #[prost(string, tag = "4")]
    pub(super) text: String,
    #[prost(bool, tag = "5")]
    pub(super) unknown_outcome: bool,
}
