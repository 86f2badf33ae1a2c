//! Which version of the format a command needs, and whether it can be read back at all.

use super::{CodecError, FIRST, SECOND, VERSION};
use crate::Command;
use quorate_store::{Op, RangeRequest, RevisionFilter, Txn};
use quorate_types::limits::MAX_TXN_DEPTH;

/// Batches in batches are of no use; one level is enough.
const MAX_BATCH_DEPTH: usize = 4;

/// The oldest version that has a place for all of a command.
pub(super) fn needed(command: &Command) -> u8 {
    let first = match command {
        Command::Txn(txn) => is_first(txn),
        Command::Compact { .. } | Command::LeaseGrant { .. } | Command::LeaseRevoke { .. } => true,
        Command::LeaseCheckpoint { .. } | Command::Alarm { .. } | Command::Custom { .. } => false,
        Command::Batch(commands) => return commands.iter().map(needed).max().unwrap_or(FIRST),
        // Who does not know callers does not know users either, and would refuse nobody.
        Command::OnBehalf { caller, command } if caller.is_anonymous() => return needed(command),
        Command::Auth(_) | Command::OnBehalf { .. } => return VERSION,
    };
    if first { FIRST } else { SECOND }
}

fn is_first(txn: &Txn) -> bool {
    txn.request_id.is_none()
        && txn.ops_of_both_branches().all(|op| match op {
            Op::Put(put) => !put.ignore_value && !put.ignore_lease,
            Op::Range(request) => is_first_read(request),
            Op::Delete { .. } => true,
            _ => false,
        })
}

fn is_first_read(request: &RangeRequest) -> bool {
    request.sort.is_none() && request.filter == RevisionFilter::default()
}

/// Refuses what the decoder's bound on recursion would refuse once it is committed.
pub(super) fn check_depth(command: &Command) -> Result<(), CodecError> {
    within(command, MAX_BATCH_DEPTH)
}

fn within(command: &Command, batches: usize) -> Result<(), CodecError> {
    match command {
        Command::Txn(txn) if deeper(txn, MAX_TXN_DEPTH) => {
            Err(CodecError::Unsupported("a transaction nested that deep"))
        }
        Command::Batch(_) if batches == 0 => {
            Err(CodecError::Unsupported("a batch nested that deep"))
        }
        Command::OnBehalf { command, .. } => match **command {
            Command::OnBehalf { .. } | Command::Batch(_) => {
                Err(CodecError::Unsupported("a caller of several commands, or of a caller's"))
            }
            _ => within(command, batches),
        },
        Command::Batch(commands) => {
            commands.iter().try_for_each(|command| within(command, batches - 1))
        }
        _ => Ok(()),
    }
}

fn deeper(txn: &Txn, levels: usize) -> bool {
    levels == 0
        || txn.ops_of_both_branches().any(|op| match op {
            Op::Txn(nested) => deeper(nested, levels - 1),
            _ => false,
        })
}
