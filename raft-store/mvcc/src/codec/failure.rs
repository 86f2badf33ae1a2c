//! Store errors to messages and back. Codes are never reused.

use super::wire::FailureMessage;
use super::{CodecError, auth};
use quorate_store::{Certainty, Error};
use quorate_types::{LeaseId, MemberId, Revision, Term};

const COMPACTED: u32 = 1;
const FUTURE_REVISION: u32 = 2;
const EMPTY_KEY: u32 = 3;
const DUPLICATE_KEY: u32 = 4;
const TOO_MANY_OPS: u32 = 5;
const TOO_LARGE: u32 = 6;
const LEASE_NOT_FOUND: u32 = 7;
const LEASE_EXISTS: u32 = 8;
const LEASE_TTL: u32 = 9;
const FENCED: u32 = 10;
const NOT_LEADER: u32 = 11;
const UNAVAILABLE: u32 = 12;
const TIMEOUT: u32 = 13;
const FATAL: u32 = 14;
const KEY_NOT_FOUND: u32 = 15;
const VALUE_PROVIDED: u32 = 16;
const LEASE_PROVIDED: u32 = 17;
const INVALID: u32 = 18;
const NO_SPACE: u32 = 19;
const ALREADY_APPLIED: u32 = 20;
const REFUSED: u32 = 21;
const AUTH: u32 = 22;

impl From<&Error> for FailureMessage {
    fn from(error: &Error) -> Self {
        match error {
            Error::Compacted { requested, compacted } => {
                signed(COMPACTED, [requested.0, compacted.0])
            }
            Error::FutureRevision { requested, current } => {
                signed(FUTURE_REVISION, [requested.0, current.0])
            }
            Error::EmptyKey => signed(EMPTY_KEY, []),
            Error::DuplicateKey { key } => text(DUPLICATE_KEY, key, false),
            Error::TooManyOps { given, limit } => {
                unsigned(TOO_MANY_OPS, [size(*given), size(*limit)])
            }
            Error::TooLarge { bytes, limit } => unsigned(TOO_LARGE, [size(*bytes), size(*limit)]),
            Error::LeaseNotFound(id) => signed(LEASE_NOT_FOUND, [id.0]),
            Error::LeaseExists(id) => signed(LEASE_EXISTS, [id.0]),
            Error::LeaseTtl { seconds, limit } => signed(LEASE_TTL, [*seconds, *limit]),
            Error::Fenced { written, current } => unsigned(FENCED, [written.0, current.0]),
            Error::NotLeader { leader: Some(leader) } => unsigned(NOT_LEADER, [leader.0]),
            Error::NotLeader { leader: None } => unsigned(NOT_LEADER, []),
            Error::Unavailable { reason, certainty } => {
                text(UNAVAILABLE, reason, *certainty == Certainty::Unknown)
            }
            Error::Timeout => signed(TIMEOUT, []),
            Error::Fatal { reason } => text(FATAL, reason, true),
            Error::KeyNotFound { key } => text(KEY_NOT_FOUND, key, false),
            Error::ValueProvided { key } => text(VALUE_PROVIDED, key, false),
            Error::LeaseProvided { key } => text(LEASE_PROVIDED, key, false),
            Error::Invalid { reason } => text(INVALID, reason, false),
            Error::NoSpace => signed(NO_SPACE, []),
            Error::AlreadyApplied { revision } => signed(ALREADY_APPLIED, [revision.0]),
            Error::Auth(refusal) => unsigned(AUTH, [auth::refusal_number(*refusal)]),
            // A machine's name has no line break.
            Error::Refused { machine, reason } => {
                text(REFUSED, &format!("{machine}\n{reason}"), false)
            }
            // A variant newer than this format: its words and whether it may have happened.
            other => {
                let unknown = other.certainty() == Certainty::Unknown;
                text(UNAVAILABLE, &other.to_string(), unknown)
            }
        }
    }
}

impl TryFrom<FailureMessage> for Error {
    type Error = CodecError;

    fn try_from(message: FailureMessage) -> Result<Self, CodecError> {
        let FailureMessage { code, signed, unsigned, text, unknown_outcome } = message;
        Ok(match (code, signed.as_slice(), unsigned.as_slice()) {
            (COMPACTED, [requested, compacted], []) => {
                Self::Compacted { requested: Revision(*requested), compacted: Revision(*compacted) }
            }
            (FUTURE_REVISION, [requested, current], []) => Self::FutureRevision {
                requested: Revision(*requested),
                current: Revision(*current),
            },
            (EMPTY_KEY, [], []) => Self::EmptyKey,
            (DUPLICATE_KEY, [], []) => Self::DuplicateKey { key: text },
            (TOO_MANY_OPS, [], [given, limit]) => {
                Self::TooManyOps { given: count(*given), limit: count(*limit) }
            }
            (TOO_LARGE, [], [bytes, limit]) => {
                Self::TooLarge { bytes: count(*bytes), limit: count(*limit) }
            }
            (LEASE_NOT_FOUND, [id], []) => Self::LeaseNotFound(LeaseId(*id)),
            (LEASE_EXISTS, [id], []) => Self::LeaseExists(LeaseId(*id)),
            (LEASE_TTL, [seconds, limit], []) => {
                Self::LeaseTtl { seconds: *seconds, limit: *limit }
            }
            (FENCED, [], [written, current]) => {
                Self::Fenced { written: Term(*written), current: Term(*current) }
            }
            (NOT_LEADER, [], [leader]) => Self::NotLeader { leader: Some(MemberId(*leader)) },
            (NOT_LEADER, [], []) => Self::NotLeader { leader: None },
            (UNAVAILABLE, [], []) => {
                let certainty =
                    if unknown_outcome { Certainty::Unknown } else { Certainty::DefinitelyNot };
                Self::Unavailable { reason: text, certainty }
            }
            (TIMEOUT, [], []) => Self::Timeout,
            (FATAL, [], []) => Self::Fatal { reason: text },
            (KEY_NOT_FOUND, [], []) => Self::KeyNotFound { key: text },
            (VALUE_PROVIDED, [], []) => Self::ValueProvided { key: text },
            (LEASE_PROVIDED, [], []) => Self::LeaseProvided { key: text },
            (INVALID, [], []) => Self::Invalid { reason: text },
            (NO_SPACE, [], []) => Self::NoSpace,
            (ALREADY_APPLIED, [revision], []) => {
                Self::AlreadyApplied { revision: Revision(*revision) }
            }
            (AUTH, [], [number]) => Self::Auth(auth::refusal(*number)?),
            (REFUSED, [], []) => match text.split_once('\n') {
                Some((machine, reason)) => {
                    Self::Refused { machine: machine.to_owned(), reason: reason.to_owned() }
                }
                None => return Err(CodecError::Field("machine")),
            },
            _ => return Err(CodecError::Field("error code")),
        })
    }
}

fn signed<const N: usize>(code: u32, values: [i64; N]) -> FailureMessage {
    FailureMessage { code, signed: values.to_vec(), ..FailureMessage::default() }
}

fn unsigned<const N: usize>(code: u32, values: [u64; N]) -> FailureMessage {
    FailureMessage { code, unsigned: values.to_vec(), ..FailureMessage::default() }
}

fn text(code: u32, text: &str, unknown_outcome: bool) -> FailureMessage {
    FailureMessage { code, text: text.to_owned(), unknown_outcome, ..FailureMessage::default() }
}

fn size(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
