//! One claim to a name: its key, and the transactions about it.

use super::caller::{Caller, first_created};
use crate::proto::etcdserverpb as pb;
use bytes::Bytes;
use pb::compare::{CompareTarget, TargetUnion};
use pb::request_op::Request;
use pb::response_op::Response;
use quorate_seams::spawn_detached;
use tonic::Status;

/// A name with the slash that parts it from the claims below it.
pub(crate) fn prefix(name: &[u8]) -> Bytes {
    [name, b"/"].concat().into()
}

/// The key of the claim that a lease makes: the lease in hexadecimal digits.
pub(crate) fn claim_key(prefix: &[u8], lease: i64) -> Bytes {
    let sign = if lease < 0 { "-" } else { "" };
    let digits = format!("{sign}{:x}", lease.unsigned_abs());
    [prefix, digits.as_bytes()].concat().into()
}

/// A claim that is in the store.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) key: Bytes,
    /// Revision at which it was created.
    pub(crate) revision: i64,
}

/// What a transaction that makes a claim has found.
pub(crate) struct Claimed {
    pub(crate) claim: Claim,
    /// The value that an older claim of the same lease has; `None` if the claim is new.
    pub(crate) before: Option<Bytes>,
    /// The oldest claim's revision of creation.
    pub(crate) oldest: i64,
    pub(crate) header: Option<pb::ResponseHeader>,
}

impl Caller {
    /// Claims a name for a lease, unless that lease has a claim already.
    pub(crate) async fn claim(
        &self,
        prefix: &Bytes,
        lease: i64,
        value: Bytes,
    ) -> Result<Claimed, Status> {
        let key = claim_key(prefix, lease);
        let put = pb::PutRequest { key: key.clone(), value, lease, ..Default::default() };
        let get = pb::RangeRequest { key: key.clone(), ..Default::default() };
        let oldest = || op(Request::RequestRange(first_created(prefix)));
        let txn = pb::TxnRequest {
            compare: vec![created_at(&key, 0)],
            success: vec![op(Request::RequestPut(put)), oldest()],
            failure: vec![op(Request::RequestRange(get)), oldest()],
        };
        let answer = self.txn(txn).await?;
        let now = answer.header.as_ref().map_or(0, |header| header.revision);
        let mut found = answer.responses.into_iter().map(kvs);
        let own = found.next().unwrap_or_default().into_iter().next();
        let oldest = found.next().unwrap_or_default().into_iter().next();
        let revision = own.as_ref().map_or(now, |kv| kv.create_revision);
        Ok(Claimed {
            claim: Claim { key, revision },
            before: own.map(|kv| kv.value),
            oldest: oldest.map_or(revision, |kv| kv.create_revision),
            header: answer.header,
        })
    }

    /// Runs an operation if a claim still is what it was; `None` if it is not.
    pub(crate) async fn while_claimed(
        &self,
        claim: &Claim,
        request: Request,
    ) -> Result<(bool, Option<pb::ResponseHeader>), Status> {
        let txn = pb::TxnRequest {
            compare: vec![created_at(&claim.key, claim.revision)],
            success: vec![op(request)],
            failure: Vec::new(),
        };
        let answer = self.txn(txn).await?;
        Ok((answer.succeeded, answer.header))
    }
}

fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

fn created_at(key: &Bytes, revision: i64) -> pb::Compare {
    pb::Compare {
        key: key.clone(),
        target: CompareTarget::Create.into(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
        ..Default::default()
    }
}

fn kvs(response: pb::ResponseOp) -> Vec<crate::proto::mvccpb::KeyValue> {
    match response.response {
        Some(Response::ResponseRange(range)) => range.kvs,
        _ => Vec::new(),
    }
}

/// Takes a claim back unless it is kept: a caller who hangs up is no longer there to do it.
#[derive(Debug)]
pub(crate) struct Withdrawal(Option<(Caller, Claim)>);

impl Withdrawal {
    pub(crate) fn new(caller: &Caller, claim: &Claim) -> Self {
        Self(Some((caller.clone(), claim.clone())))
    }

    /// The claim stays.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        let Some((caller, claim)) = self.0.take() else { return };
        spawn_detached(async move {
            let delete = pb::DeleteRangeRequest { key: claim.key.clone(), ..Default::default() };
            let gone = caller.while_claimed(&claim, Request::RequestDeleteRange(delete)).await;
            if let Err(status) = gone {
                // Its lease ends it in time.
                tracing::debug!(message = status.message(), "a claim was not taken back");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_called_after_their_leases() {
        let prefix = prefix(b"jobs");
        assert_eq!(claim_key(&prefix, 0x1234_abcd), "jobs/1234abcd");
        assert_eq!(claim_key(&prefix, -10), "jobs/-a", "as Go prints a negative number");
        assert_eq!(claim_key(&prefix, i64::MIN), "jobs/-8000000000000000");
    }
}
