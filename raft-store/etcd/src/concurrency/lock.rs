//! The Lock service.

use super::caller::Caller;
use super::claim::{Withdrawal, prefix};
use crate::proto::lock_server::lock_server::Lock;
use crate::proto::{etcdserverpb as pb, v3lockpb as lockpb};
use bytes::Bytes;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

#[derive(Debug)]
pub(crate) struct LockService(pub(crate) Routes);

#[tonic::async_trait]
impl Lock for LockService {
    async fn lock(
        &self,
        request: Request<lockpb::LockRequest>,
    ) -> Result<Response<lockpb::LockResponse>, Status> {
        let (caller, lockpb::LockRequest { name, lease }) = Caller::of(&self.0, request);
        let lease = caller.session(lease).await?;
        let prefix = prefix(&name);
        let claimed = caller.claim(&prefix, lease, Bytes::new()).await?;
        let key = claimed.claim.key.clone();
        if claimed.oldest == claimed.claim.revision {
            return Ok(Response::new(lockpb::LockResponse { header: claimed.header, key }));
        }
        let withdrawal = Withdrawal::new(&caller, &claimed.claim);
        caller.wait_deleted(&prefix, claimed.claim.revision - 1).await?;
        let own = pb::RangeRequest { key: key.clone(), ..Default::default() };
        let own = caller.range(own).await?;
        withdrawal.keep();
        if own.kvs.is_empty() {
            // Its lease ended before its turn came.
            return Err(Status::unknown("mutex: session is expired"));
        }
        Ok(Response::new(lockpb::LockResponse { header: own.header, key }))
    }

    async fn unlock(
        &self,
        request: Request<lockpb::UnlockRequest>,
    ) -> Result<Response<lockpb::UnlockResponse>, Status> {
        let (caller, lockpb::UnlockRequest { key }) = Caller::of(&self.0, request);
        let deleted = caller.delete(key).await?;
        Ok(Response::new(lockpb::UnlockResponse { header: deleted.header }))
    }
}
