//! The Election service.

use super::caller::{Caller, first_created};
use super::claim::{Claim, Withdrawal, prefix};
use super::observe::observe;
use crate::proto::election_server::election_server::Election;
use crate::proto::{etcdserverpb as pb, v3electionpb as electionpb};
use bytes::Bytes;
use futures::stream::BoxStream;
use pb::request_op::Request as Op;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

const NOT_LEADER: &str = "election: not leader";
const NO_LEADER: &str = "election: no leader";
const NO_LEADER_GIVEN: &str = "\"leader\" field must be provided";

#[derive(Debug)]
pub(crate) struct ElectionService(pub(crate) Routes);

/// Gives a claim another value; fails if it is no longer there.
async fn proclaim(
    caller: &Caller,
    claim: &Claim,
    value: Bytes,
    lease: i64,
) -> Result<Option<pb::ResponseHeader>, Status> {
    let put = pb::PutRequest { key: claim.key.clone(), value, lease, ..Default::default() };
    match caller.while_claimed(claim, Op::RequestPut(put)).await? {
        (true, header) => Ok(header),
        (false, _) => Err(Status::unknown(NOT_LEADER)),
    }
}

fn claim_of(leader: &electionpb::LeaderKey) -> Claim {
    Claim { key: leader.key.clone(), revision: leader.rev }
}

fn given(leader: Option<electionpb::LeaderKey>) -> Result<electionpb::LeaderKey, Status> {
    leader.ok_or_else(|| Status::unknown(NO_LEADER_GIVEN))
}

#[tonic::async_trait]
impl Election for ElectionService {
    type ObserveStream = BoxStream<'static, Result<electionpb::LeaderResponse, Status>>;

    async fn campaign(
        &self,
        request: Request<electionpb::CampaignRequest>,
    ) -> Result<Response<electionpb::CampaignResponse>, Status> {
        let (caller, request) = Caller::of(&self.0, request);
        let electionpb::CampaignRequest { name, lease, value } = request;
        let lease = caller.session(lease).await?;
        let prefix = prefix(&name);
        let claimed = caller.claim(&prefix, lease, value.clone()).await?;
        let claim = claimed.claim;
        let withdrawal = Withdrawal::new(&caller, &claim);
        if claimed.before.is_some_and(|before| before != value) {
            proclaim(&caller, &claim, value, lease).await?;
        }
        caller.wait_deleted(&prefix, claim.revision - 1).await?;
        withdrawal.keep();
        let Claim { key, revision } = claim;
        let leader = electionpb::LeaderKey { name, key, rev: revision, lease };
        let header = claimed.header;
        Ok(Response::new(electionpb::CampaignResponse { header, leader: Some(leader) }))
    }

    async fn proclaim(
        &self,
        request: Request<electionpb::ProclaimRequest>,
    ) -> Result<Response<electionpb::ProclaimResponse>, Status> {
        let (caller, request) = Caller::of(&self.0, request);
        let leader = given(request.leader)?;
        let lease = caller.session(leader.lease).await?;
        let header = proclaim(&caller, &claim_of(&leader), request.value, lease).await?;
        Ok(Response::new(electionpb::ProclaimResponse { header }))
    }

    async fn leader(
        &self,
        request: Request<electionpb::LeaderRequest>,
    ) -> Result<Response<electionpb::LeaderResponse>, Status> {
        let (caller, electionpb::LeaderRequest { name }) = Caller::of(&self.0, request);
        let found = caller.range(first_created(&prefix(&name))).await?;
        let kv = found.kvs.into_iter().next().ok_or_else(|| Status::unknown(NO_LEADER))?;
        Ok(Response::new(electionpb::LeaderResponse { header: found.header, kv: Some(kv) }))
    }

    async fn observe(
        &self,
        request: Request<electionpb::LeaderRequest>,
    ) -> Result<Response<Self::ObserveStream>, Status> {
        let (caller, electionpb::LeaderRequest { name }) = Caller::of(&self.0, request);
        Ok(Response::new(observe(caller, prefix(&name))))
    }

    async fn resign(
        &self,
        request: Request<electionpb::ResignRequest>,
    ) -> Result<Response<electionpb::ResignResponse>, Status> {
        let (caller, request) = Caller::of(&self.0, request);
        let leader = given(request.leader)?;
        let claim = claim_of(&leader);
        let delete = pb::DeleteRangeRequest { key: claim.key.clone(), ..Default::default() };
        // Who does not lead any more has nothing to resign from.
        let (_, header) = caller.while_claimed(&claim, Op::RequestDeleteRange(delete)).await?;
        Ok(Response::new(electionpb::ResignResponse { header }))
    }
}
