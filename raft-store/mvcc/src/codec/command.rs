//! Commands to messages and back.

use super::CodecError;
use super::wire::{
    BatchMessage, CommandKind, CommandMessage, CompareMessage, DeleteMessage, GrantMessage,
    KeyRangeMessage, OpKind, OpMessage, PutMessage, RangeEnd, RangeMessage, RevokeMessage,
    TargetKind, TxnMessage,
};
use crate::Command;
use quorate_store::{
    Compare, CompareOp, CompareTarget, Consistency, KeyRange, Op, PutOp, RangeRequest, Txn,
};
use quorate_types::{LeaseId, Revision, Term};

impl TryFrom<&Command> for CommandMessage {
    type Error = CodecError;

    fn try_from(command: &Command) -> Result<Self, CodecError> {
        let kind = match command {
            Command::Txn(txn) => CommandKind::Txn(txn.try_into()?),
            Command::Compact { revision } => CommandKind::Compact(revision.0),
            Command::LeaseGrant { id, ttl_seconds } => {
                CommandKind::Grant(GrantMessage { id: id.0, ttl_seconds: *ttl_seconds })
            }
            Command::LeaseRevoke { ids } => {
                CommandKind::Revoke(RevokeMessage { ids: ids.iter().map(|id| id.0).collect() })
            }
            Command::Batch(commands) => {
                CommandKind::Batch(BatchMessage { commands: all(commands)? })
            }
        };
        Ok(Self { kind: Some(kind) })
    }
}

impl TryFrom<CommandMessage> for Command {
    type Error = CodecError;

    fn try_from(message: CommandMessage) -> Result<Self, CodecError> {
        Ok(match message.kind.ok_or(CodecError::Field("command"))? {
            CommandKind::Txn(txn) => Self::Txn(txn.try_into()?),
            CommandKind::Compact(revision) => Self::Compact { revision: Revision(revision) },
            CommandKind::Grant(GrantMessage { id, ttl_seconds }) => {
                Self::LeaseGrant { id: LeaseId(id), ttl_seconds }
            }
            CommandKind::Revoke(revoke) => {
                Self::LeaseRevoke { ids: revoke.ids.into_iter().map(LeaseId).collect() }
            }
            CommandKind::Batch(batch) => Self::Batch(all(batch.commands)?),
        })
    }
}

/// Converts every item, or fails with the first that cannot be.
pub(super) fn all<I, T>(items: I) -> Result<Vec<T>, CodecError>
where
    I: IntoIterator,
    T: TryFrom<I::Item, Error = CodecError>,
{
    items.into_iter().map(T::try_from).collect()
}

impl TryFrom<&Txn> for TxnMessage {
    type Error = CodecError;

    fn try_from(txn: &Txn) -> Result<Self, CodecError> {
        Ok(Self {
            compares: txn.compares.iter().map(CompareMessage::from).collect(),
            success: all(&txn.success)?,
            failure: all(&txn.failure)?,
            fence: txn.fence.map(|term| term.0),
        })
    }
}

impl TryFrom<TxnMessage> for Txn {
    type Error = CodecError;

    fn try_from(message: TxnMessage) -> Result<Self, CodecError> {
        Ok(Self {
            compares: all(message.compares)?,
            success: all(message.success)?,
            failure: all(message.failure)?,
            fence: message.fence.map(Term),
        })
    }
}

impl From<&Compare> for CompareMessage {
    fn from(compare: &Compare) -> Self {
        let op = match compare.op {
            CompareOp::Equal => 1,
            CompareOp::NotEqual => 2,
            CompareOp::Greater => 3,
            CompareOp::Less => 4,
        };
        let target = match &compare.target {
            CompareTarget::Version(version) => TargetKind::Version(*version),
            CompareTarget::CreateRevision(revision) => TargetKind::CreateRevision(revision.0),
            CompareTarget::ModRevision(revision) => TargetKind::ModRevision(revision.0),
            CompareTarget::Value(value) => TargetKind::Value(value.clone()),
            CompareTarget::Lease(lease) => TargetKind::Lease(lease.0),
        };
        Self { range: Some((&compare.range).into()), op, target: Some(target) }
    }
}

impl TryFrom<CompareMessage> for Compare {
    type Error = CodecError;

    fn try_from(message: CompareMessage) -> Result<Self, CodecError> {
        let op = match message.op {
            1 => CompareOp::Equal,
            2 => CompareOp::NotEqual,
            3 => CompareOp::Greater,
            4 => CompareOp::Less,
            _ => return Err(CodecError::Field("compare operator")),
        };
        let target = match message.target.ok_or(CodecError::Field("compare target"))? {
            TargetKind::Version(version) => CompareTarget::Version(version),
            TargetKind::CreateRevision(revision) => {
                CompareTarget::CreateRevision(Revision(revision))
            }
            TargetKind::ModRevision(revision) => CompareTarget::ModRevision(Revision(revision)),
            TargetKind::Value(value) => CompareTarget::Value(value),
            TargetKind::Lease(lease) => CompareTarget::Lease(LeaseId(lease)),
        };
        Ok(Self { range: required(message.range)?, op, target })
    }
}

impl From<&KeyRange> for KeyRangeMessage {
    fn from(range: &KeyRange) -> Self {
        let end = match range {
            KeyRange::Key(_) => RangeEnd::Single(true),
            KeyRange::Span(_, end) => RangeEnd::Before(end.clone()),
            KeyRange::From(_) => RangeEnd::Open(true),
        };
        Self { start: range.start().clone(), end: Some(end) }
    }
}

fn required(message: Option<KeyRangeMessage>) -> Result<KeyRange, CodecError> {
    let KeyRangeMessage { start, end } = message.ok_or(CodecError::Field("range"))?;
    Ok(match end.ok_or(CodecError::Field("range end"))? {
        RangeEnd::Single(_) => KeyRange::Key(start),
        RangeEnd::Before(end) => KeyRange::Span(start, end),
        RangeEnd::Open(_) => KeyRange::From(start),
    })
}

impl TryFrom<&Op> for OpMessage {
    type Error = CodecError;

    fn try_from(op: &Op) -> Result<Self, CodecError> {
        let kind = match op {
            Op::Range(request) => OpKind::Range(request.into()),
            Op::Put(put) => OpKind::Put(PutMessage {
                key: put.key.clone(),
                value: put.value.clone(),
                lease: put.lease.0,
                prev_kv: put.prev_kv,
            }),
            Op::Delete { range, prev_kv } => {
                OpKind::Delete(DeleteMessage { range: Some(range.into()), prev_kv: *prev_kv })
            }
            _ => return Err(CodecError::Unsupported("an operation")),
        };
        Ok(Self { kind: Some(kind) })
    }
}

impl TryFrom<OpMessage> for Op {
    type Error = CodecError;

    fn try_from(message: OpMessage) -> Result<Self, CodecError> {
        Ok(match message.kind.ok_or(CodecError::Field("operation"))? {
            OpKind::Range(request) => Self::Range(request.try_into()?),
            OpKind::Put(PutMessage { key, value, lease, prev_kv }) => {
                Self::Put(PutOp { key, value, lease: LeaseId(lease), prev_kv })
            }
            OpKind::Delete(DeleteMessage { range, prev_kv }) => {
                Self::Delete { range: required(range)?, prev_kv }
            }
        })
    }
}

impl From<&RangeRequest> for RangeMessage {
    fn from(request: &RangeRequest) -> Self {
        Self {
            range: Some((&request.range).into()),
            revision: request.revision.0,
            limit: u64::try_from(request.limit).unwrap_or(u64::MAX),
            serializable: request.consistency == Consistency::Serializable,
            keys_only: request.keys_only,
            count_only: request.count_only,
        }
    }
}

impl TryFrom<RangeMessage> for RangeRequest {
    type Error = CodecError;

    fn try_from(message: RangeMessage) -> Result<Self, CodecError> {
        Ok(Self {
            range: required(message.range)?,
            revision: Revision(message.revision),
            limit: usize::try_from(message.limit).unwrap_or(usize::MAX),
            consistency: if message.serializable {
                Consistency::Serializable
            } else {
                Consistency::Linearizable
            },
            keys_only: message.keys_only,
            count_only: message.count_only,
        })
    }
}
