//! Transactions between etcd's messages and the store's values. Pure.

use crate::convert::key_value;
use crate::convert::{key_range, put_op, range_request, range_response};
use crate::errors::{EMPTY_KEY, KEY_NOT_FOUND};
use crate::proto::etcdserverpb as pb;
use pb::compare::{CompareResult, CompareTarget as PbTarget, TargetUnion};
use pb::request_op::Request;
use pb::response_op::Response;
use quorate_store::{Compare, CompareOp, CompareTarget, Op, OpResponse, Txn, TxnResponse};
use quorate_types::limits::MAX_TXN_DEPTH;
use quorate_types::{LeaseId, Revision};
use tonic::Status;

/// The transaction that a message asks for.
pub(crate) fn txn(request: pb::TxnRequest) -> Result<Txn, Status> {
    nested(request, 1)
}

fn nested(request: pb::TxnRequest, depth: usize) -> Result<Txn, Status> {
    if depth > MAX_TXN_DEPTH {
        return Err(Status::invalid_argument("etcdserver: too many operations in txn request"));
    }
    let ops = |ops: Vec<pb::RequestOp>| -> Result<Vec<Op>, Status> {
        ops.into_iter().map(|one| op(one, depth)).collect()
    };
    Ok(Txn {
        compares: request.compare.into_iter().map(compare).collect::<Result<_, _>>()?,
        success: ops(request.success)?,
        failure: ops(request.failure)?,
        ..Txn::default()
    })
}

fn op(op: pb::RequestOp, depth: usize) -> Result<Op, Status> {
    // An operation without any request is a missing key to etcd.
    let request = op.request.ok_or_else(|| Status::invalid_argument(KEY_NOT_FOUND))?;
    Ok(match request {
        Request::RequestRange(range) => Op::Range(range_request(range)?),
        Request::RequestPut(put) => Op::Put(put_op(put)?),
        Request::RequestDeleteRange(delete) => {
            if delete.key.is_empty() {
                return Err(Status::invalid_argument(EMPTY_KEY));
            }
            Op::Delete { range: key_range(delete.key, delete.range_end), prev_kv: delete.prev_kv }
        }
        Request::RequestTxn(txn) => Op::Txn(nested(txn, depth + 1)?),
    })
}

fn compare(compare: pb::Compare) -> Result<Compare, Status> {
    if compare.key.is_empty() {
        return Err(Status::invalid_argument(EMPTY_KEY));
    }
    let unknown = |_| Status::invalid_argument("etcdserver: invalid compare in txn request");
    let op = match CompareResult::try_from(compare.result).map_err(unknown)? {
        CompareResult::Equal => CompareOp::Equal,
        CompareResult::Greater => CompareOp::Greater,
        CompareResult::Less => CompareOp::Less,
        CompareResult::NotEqual => CompareOp::NotEqual,
    };
    let union = compare.target_union;
    // A value of another kind than the target counts as none (etcd's rule).
    let target = match PbTarget::try_from(compare.target).map_err(unknown)? {
        PbTarget::Version => CompareTarget::Version(match union {
            Some(TargetUnion::Version(version)) => version,
            _ => 0,
        }),
        PbTarget::Create => CompareTarget::CreateRevision(match union {
            Some(TargetUnion::CreateRevision(revision)) => Revision(revision),
            _ => Revision::NONE,
        }),
        PbTarget::Mod => CompareTarget::ModRevision(match union {
            Some(TargetUnion::ModRevision(revision)) => Revision(revision),
            _ => Revision::NONE,
        }),
        PbTarget::Value => CompareTarget::Value(match union {
            Some(TargetUnion::Value(value)) => value,
            _ => Default::default(),
        }),
        PbTarget::Lease => CompareTarget::Lease(match union {
            Some(TargetUnion::Lease(lease)) => LeaseId(lease),
            _ => LeaseId::NONE,
        }),
    };
    Ok(Compare { range: key_range(compare.key, compare.range_end), op, target })
}

/// The answer to the outermost transaction.
pub(crate) fn response(header: pb::ResponseHeader, response: TxnResponse) -> pb::TxnResponse {
    let changes = changes(&response);
    let before = if changes { response.revision.prev() } else { response.revision };
    let mut revisions = Revisions { before, changed: false };
    answer(header, response, &mut revisions)
}

/// Which revision the header of each step's answer tells: the one before the transaction until a key
/// has changed (etcd's rule).
struct Revisions {
    before: Revision,
    changed: bool,
}

impl Revisions {
    fn header(&self) -> Option<pb::ResponseHeader> {
        let revision = if self.changed { self.before.next() } else { self.before };
        Some(pb::ResponseHeader { revision: revision.0, ..Default::default() })
    }
}

fn changes(response: &TxnResponse) -> bool {
    response.responses.iter().any(|one| match one {
        OpResponse::Put { .. } => true,
        OpResponse::Delete { deleted, .. } => *deleted > 0,
        OpResponse::Txn(nested) => changes(nested),
        _ => false,
    })
}

fn answer(
    header: pb::ResponseHeader,
    response: TxnResponse,
    revisions: &mut Revisions,
) -> pb::TxnResponse {
    let TxnResponse { succeeded, responses, .. } = response;
    let responses =
        responses.into_iter().map(|one| pb::ResponseOp { response: step(one, revisions) });
    pb::TxnResponse { header: Some(header), succeeded, responses: responses.collect() }
}

fn step(response: OpResponse, revisions: &mut Revisions) -> Option<Response> {
    Some(match response {
        OpResponse::Range(range) => {
            let header = revisions.header().unwrap_or_default();
            Response::ResponseRange(range_response(header, range))
        }
        OpResponse::Put { prev_kv } => {
            revisions.changed = true;
            let prev_kv = prev_kv.map(key_value);
            Response::ResponsePut(pb::PutResponse { header: revisions.header(), prev_kv })
        }
        OpResponse::Delete { deleted, prev_kvs } => {
            revisions.changed |= deleted > 0;
            Response::ResponseDeleteRange(pb::DeleteRangeResponse {
                header: revisions.header(),
                deleted: i64::try_from(deleted).unwrap_or(i64::MAX),
                prev_kvs: prev_kvs.into_iter().map(key_value).collect(),
            })
        }
        // Of a nested transaction the header stays empty (etcd's rule).
        OpResponse::Txn(nested) => {
            Response::ResponseTxn(answer(pb::ResponseHeader::default(), nested, revisions))
        }
        // No operation that can be asked for here is answered otherwise.
        _ => return None,
    })
}
