//! Replies to messages and back.

use super::CodecError;
use super::auth::AuthReplyMessage;
use super::command::all;
use super::wire::{
    AlarmMessage, AlarmsMessage, CustomReplyMessage, DeleteReplyMessage, GrantedMessage,
    OpReplyKind, OpReplyMessage, OutcomeKind, OutcomeMessage, OutcomesMessage, PutReplyMessage,
    RangeReplyMessage, ReplyKind, ReplyMessage, TxnReplyMessage,
};
use crate::layout::KeyValueMessage;
use crate::{Outcome, Reply};
use quorate_store::{KeyValue, LeaseGranted, OpResponse, RangeResponse, TxnResponse};
use quorate_types::{LeaseId, Revision};
use std::time::Duration;

impl TryFrom<&Outcome> for OutcomeMessage {
    type Error = CodecError;

    fn try_from(outcome: &Outcome) -> Result<Self, CodecError> {
        let kind = match outcome {
            Ok(reply) => OutcomeKind::Reply(reply.try_into()?),
            Err(error) => OutcomeKind::Failure(error.into()),
        };
        Ok(Self { kind: Some(kind) })
    }
}

impl TryFrom<OutcomeMessage> for Outcome {
    type Error = CodecError;

    fn try_from(message: OutcomeMessage) -> Result<Self, CodecError> {
        match message.kind.ok_or(CodecError::Field("outcome"))? {
            OutcomeKind::Reply(reply) => Ok(Ok(reply.try_into()?)),
            OutcomeKind::Failure(failure) => Ok(Err(failure.try_into()?)),
        }
    }
}

impl TryFrom<&Reply> for ReplyMessage {
    type Error = CodecError;

    fn try_from(reply: &Reply) -> Result<Self, CodecError> {
        let kind = match reply {
            Reply::Txn(response) => ReplyKind::Txn(response.try_into()?),
            Reply::Compacted { revision } => ReplyKind::Compacted(revision.0),
            Reply::LeaseGranted(granted) => ReplyKind::Granted(GrantedMessage {
                id: granted.id.0,
                ttl_seconds: granted.ttl.as_secs(),
                ttl_nanos: granted.ttl.subsec_nanos(),
            }),
            Reply::LeaseRevoked { revision } => ReplyKind::Revoked(revision.0),
            Reply::LeaseCheckpointed { known } => ReplyKind::Checkpointed(*known),
            Reply::Alarms(alarms) => {
                let alarms = alarms.iter().map(AlarmMessage::from).collect();
                ReplyKind::Alarms(AlarmsMessage { alarms })
            }
            Reply::Custom { revision, answer } => ReplyKind::Custom(CustomReplyMessage {
                revision: revision.0,
                answer: answer.clone(),
            }),
            Reply::Auth { revision, token } => {
                ReplyKind::Auth(AuthReplyMessage { revision: revision.0, token: token.clone() })
            }
            Reply::Batch(outcomes) => {
                ReplyKind::Batch(OutcomesMessage { outcomes: all(outcomes)? })
            }
        };
        Ok(Self { kind: Some(kind) })
    }
}

impl TryFrom<ReplyMessage> for Reply {
    type Error = CodecError;

    fn try_from(message: ReplyMessage) -> Result<Self, CodecError> {
        Ok(match message.kind.ok_or(CodecError::Field("reply"))? {
            ReplyKind::Txn(response) => Self::Txn(response.try_into()?),
            ReplyKind::Compacted(revision) => Self::Compacted { revision: Revision(revision) },
            ReplyKind::Granted(granted) => {
                if granted.ttl_nanos >= 1_000_000_000 {
                    return Err(CodecError::Field("nanoseconds"));
                }
                let ttl = Duration::new(granted.ttl_seconds, granted.ttl_nanos);
                Self::LeaseGranted(LeaseGranted { id: LeaseId(granted.id), ttl })
            }
            ReplyKind::Revoked(revision) => Self::LeaseRevoked { revision: Revision(revision) },
            ReplyKind::Checkpointed(known) => Self::LeaseCheckpointed { known },
            ReplyKind::Alarms(message) => Self::Alarms(all(message.alarms)?),
            ReplyKind::Custom(custom) => {
                Self::Custom { revision: Revision(custom.revision), answer: custom.answer }
            }
            ReplyKind::Auth(AuthReplyMessage { revision, token }) => {
                Self::Auth { revision: Revision(revision), token }
            }
            ReplyKind::Batch(batch) => Self::Batch(all(batch.outcomes)?),
        })
    }
}

impl TryFrom<&TxnResponse> for TxnReplyMessage {
    type Error = CodecError;

    fn try_from(response: &TxnResponse) -> Result<Self, CodecError> {
        Ok(Self {
            revision: response.revision.0,
            succeeded: response.succeeded,
            responses: all(&response.responses)?,
        })
    }
}

impl TryFrom<TxnReplyMessage> for TxnResponse {
    type Error = CodecError;

    fn try_from(message: TxnReplyMessage) -> Result<Self, CodecError> {
        Ok(Self {
            revision: Revision(message.revision),
            succeeded: message.succeeded,
            responses: all(message.responses)?,
        })
    }
}

impl TryFrom<&OpResponse> for OpReplyMessage {
    type Error = CodecError;

    fn try_from(response: &OpResponse) -> Result<Self, CodecError> {
        let kind = match response {
            OpResponse::Range(range) => OpReplyKind::Range(RangeReplyMessage {
                revision: range.revision.0,
                kvs: messages(&range.kvs),
                count: range.count,
                more: range.more,
            }),
            OpResponse::Put { prev_kv } => {
                OpReplyKind::Put(PutReplyMessage { prev_kv: prev_kv.clone().map(Into::into) })
            }
            OpResponse::Delete { deleted, prev_kvs } => OpReplyKind::Delete(DeleteReplyMessage {
                deleted: *deleted,
                prev_kvs: messages(prev_kvs),
            }),
            OpResponse::Txn(nested) => OpReplyKind::Txn(nested.try_into()?),
            _ => return Err(CodecError::Unsupported("a response")),
        };
        Ok(Self { kind: Some(kind) })
    }
}

impl TryFrom<OpReplyMessage> for OpResponse {
    type Error = CodecError;

    fn try_from(message: OpReplyMessage) -> Result<Self, CodecError> {
        Ok(match message.kind.ok_or(CodecError::Field("response"))? {
            OpReplyKind::Range(range) => Self::Range(RangeResponse {
                revision: Revision(range.revision),
                kvs: range.kvs.into_iter().map(Into::into).collect(),
                count: range.count,
                more: range.more,
            }),
            OpReplyKind::Put(put) => Self::Put { prev_kv: put.prev_kv.map(Into::into) },
            OpReplyKind::Txn(nested) => Self::Txn(nested.try_into()?),
            OpReplyKind::Delete(delete) => Self::Delete {
                deleted: delete.deleted,
                prev_kvs: delete.prev_kvs.into_iter().map(Into::into).collect(),
            },
        })
    }
}

fn messages(kvs: &[KeyValue]) -> Vec<KeyValueMessage> {
    kvs.iter().cloned().map(Into::into).collect()
}
