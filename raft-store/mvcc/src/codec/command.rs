//! Commands to messages and back.

use super::CodecError;
use super::wire::{
    AlarmChangeMessage, AlarmMessage, BatchMessage, CheckpointMessage, CommandKind, CommandMessage,
    CompareMessage, CustomMessage, DeleteMessage, GrantMessage, KeyRangeMessage, OpKind, OpMessage,
    PutMessage, RangeEnd, RangeMessage, RemainingMessage, RevokeMessage, TargetKind, TxnMessage,
};
use crate::{Alarm, AlarmKind, Command};
use bytes::Bytes;
use quorate_store::{
    Compare, CompareOp, CompareTarget, Consistency, KeyRange, Op, PutOp, RangeRequest, RequestId,
    RevisionFilter, Sort, SortTarget, Txn,
};
use quorate_types::{LeaseId, MemberId, Revision, Term};

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
            Command::LeaseCheckpoint { remaining } => CommandKind::Checkpoint(CheckpointMessage {
                leases: remaining
                    .iter()
                    .map(|(id, seconds)| RemainingMessage { id: id.0, seconds: *seconds })
                    .collect(),
            }),
            Command::Alarm { raise, alarm } => {
                CommandKind::Alarm(AlarmChangeMessage { raise: *raise, alarm: Some(alarm.into()) })
            }
            Command::Auth(change) => CommandKind::Auth(change.try_into()?),
            Command::OnBehalf { caller, command } => {
                let message = Self::try_from(&**command)?;
                return Ok(Self { caller: Some(caller.into()), ..message });
            }
            Command::Custom { machine, body } => {
                CommandKind::Custom(CustomMessage { machine: machine.clone(), body: body.clone() })
            }
        };
        Ok(Self { kind: Some(kind), caller: None })
    }
}

impl TryFrom<CommandMessage> for Command {
    type Error = CodecError;

    fn try_from(message: CommandMessage) -> Result<Self, CodecError> {
        let command = match message.kind.ok_or(CodecError::Field("command"))? {
            CommandKind::Txn(txn) => Self::Txn(txn.try_into()?),
            CommandKind::Compact(revision) => Self::Compact { revision: Revision(revision) },
            CommandKind::Grant(GrantMessage { id, ttl_seconds }) => {
                Self::LeaseGrant { id: LeaseId(id), ttl_seconds }
            }
            CommandKind::Revoke(revoke) => {
                Self::LeaseRevoke { ids: revoke.ids.into_iter().map(LeaseId).collect() }
            }
            CommandKind::Batch(batch) => Self::Batch(all(batch.commands)?),
            CommandKind::Checkpoint(checkpoint) => Self::LeaseCheckpoint {
                remaining: checkpoint
                    .leases
                    .into_iter()
                    .map(|lease| (LeaseId(lease.id), lease.seconds))
                    .collect(),
            },
            CommandKind::Alarm(AlarmChangeMessage { raise, alarm }) => {
                Self::Alarm { raise, alarm: alarm.ok_or(CodecError::Field("alarm"))?.try_into()? }
            }
            CommandKind::Custom(CustomMessage { machine, body }) => Self::Custom { machine, body },
            CommandKind::Auth(change) => Self::Auth(change.try_into()?),
        };
        Ok(match message.caller {
            None => command,
            Some(caller) => Self::OnBehalf { caller: caller.into(), command: Box::new(command) },
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
            request_id: txn
                .request_id
                .map_or_else(Bytes::new, |id| Bytes::copy_from_slice(&id.0.to_be_bytes())),
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
            request_id: request_id(&message.request_id)?,
        })
    }
}

fn request_id(bytes: &[u8]) -> Result<Option<RequestId>, CodecError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let id = bytes.try_into().map_err(|_| CodecError::Field("request id"))?;
    Ok(Some(RequestId(u128::from_be_bytes(id))))
}

impl From<&Alarm> for AlarmMessage {
    fn from(alarm: &Alarm) -> Self {
        let kind = match alarm.kind {
            AlarmKind::NoSpace => 1,
        };
        Self { member: alarm.member.0, kind }
    }
}

impl TryFrom<AlarmMessage> for Alarm {
    type Error = CodecError;

    fn try_from(message: AlarmMessage) -> Result<Self, CodecError> {
        let kind = match message.kind {
            1 => AlarmKind::NoSpace,
            _ => return Err(CodecError::Field("alarm kind")),
        };
        Ok(Self { member: MemberId(message.member), kind })
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

pub(super) fn required(message: Option<KeyRangeMessage>) -> Result<KeyRange, CodecError> {
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
                ignore_value: put.ignore_value,
                ignore_lease: put.ignore_lease,
            }),
            Op::Delete { range, prev_kv } => {
                OpKind::Delete(DeleteMessage { range: Some(range.into()), prev_kv: *prev_kv })
            }
            Op::Txn(nested) => OpKind::Txn(nested.try_into()?),
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
            OpKind::Put(put) => Self::Put(PutOp {
                key: put.key,
                value: put.value,
                lease: LeaseId(put.lease),
                prev_kv: put.prev_kv,
                ignore_value: put.ignore_value,
                ignore_lease: put.ignore_lease,
            }),
            OpKind::Txn(nested) => Self::Txn(nested.try_into()?),
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
            sort: request.sort.map_or(0, |sort| target_number(sort.target)),
            descending: request.sort.is_some_and(|sort| sort.descending),
            min_mod: request.filter.min_mod.0,
            max_mod: request.filter.max_mod.0,
            min_create: request.filter.min_create.0,
            max_create: request.filter.max_create.0,
        }
    }
}

fn target_number(target: SortTarget) -> u32 {
    match target {
        SortTarget::Key => 1,
        SortTarget::Version => 2,
        SortTarget::CreateRevision => 3,
        SortTarget::ModRevision => 4,
        SortTarget::Value => 5,
    }
}

fn sort(number: u32, descending: bool) -> Result<Option<Sort>, CodecError> {
    let target = match number {
        0 => return Ok(None),
        1 => SortTarget::Key,
        2 => SortTarget::Version,
        3 => SortTarget::CreateRevision,
        4 => SortTarget::ModRevision,
        5 => SortTarget::Value,
        _ => return Err(CodecError::Field("sort target")),
    };
    Ok(Some(Sort { target, descending }))
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
            sort: sort(message.sort, message.descending)?,
            filter: RevisionFilter {
                min_mod: Revision(message.min_mod),
                max_mod: Revision(message.max_mod),
                min_create: Revision(message.min_create),
                max_create: Revision(message.max_create),
            },
        })
    }
}
