//! The KV service.

use crate::context::Context;
use crate::convert::{key_range, key_value, put_op, range_request, range_response};
use crate::errors::{EMPTY_KEY, KEY_NOT_FOUND, NOT_FOR_LEARNERS, status};
use crate::proto::etcdserverpb as pb;
use crate::proto::servers::kv_server::Kv;
use crate::range_stream::{Chunks, range_stream};
use crate::txn;
use prost::Message;
use quorate_member::Authorized;
use quorate_store::{Consistency, Error, Op, OpResponse, Store, Txn, TxnResponse};
use quorate_types::limits::MAX_REQUEST_BYTES;
use quorate_types::{LeaseId, Revision};
use std::sync::Arc;
use tonic::{Request, Response, Status};

#[derive(Debug)]
pub(crate) struct KvService(pub(crate) Context);

impl KvService {
    /// Whether there is a lease: a put looks for it before it looks for its key, a transaction does
    /// not (etcd's rule).
    async fn knows(&self, lease: LeaseId) -> bool {
        !matches!(self.0.member.lease_time_to_live(lease).await, Err(Error::LeaseNotFound(_)))
    }

    /// Refuses what is larger than this server was told to take; the store has a limit of its own.
    fn fits(&self, request: &impl Message) -> Result<(), Status> {
        let limit = self.0.options.max_request_bytes;
        let bytes = if limit < MAX_REQUEST_BYTES { request.encoded_len() } else { 0 };
        if bytes > limit { Err(status(Error::TooLarge { bytes, limit })) } else { Ok(()) }
    }

    /// Runs a transaction of one operation.
    async fn one(&self, store: &Authorized, op: Op) -> Result<(Revision, OpResponse), Status> {
        let TxnResponse { revision, mut responses, .. } =
            store.txn(Txn::ops([op])).await.map_err(status)?;
        let response = responses.pop();
        let response = response.ok_or_else(|| Status::internal("an operation has no answer"))?;
        Ok((revision, response))
    }
}

fn unexpected(response: &OpResponse) -> Status {
    Status::internal(format!("the store answered another question: {response:?}"))
}

#[tonic::async_trait]
impl Kv for KvService {
    type RangeStreamStream = Chunks;

    async fn range_stream(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<Chunks>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        let context = Arc::clone(&self.0);
        Ok(Response::new(range_stream(context, store, request.into_inner())?))
    }

    async fn range(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<pb::RangeResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        let request = range_request(request.into_inner())?;
        if self.0.rules.is_learner() && request.consistency == Consistency::Linearizable {
            return Err(Status::failed_precondition(NOT_FOR_LEARNERS));
        }
        let response = store.range(request).await.map_err(status)?;
        let header = self.0.header(response.revision);
        Ok(Response::new(range_response(header, response)))
    }

    async fn put(
        &self,
        request: Request<pb::PutRequest>,
    ) -> Result<Response<pb::PutResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        self.fits(request.get_ref())?;
        let put = put_op(request.into_inner())?;
        let lease = put.lease;
        let answer = self.one(&store, Op::Put(put)).await;
        if let Err(refused) = &answer
            && refused.message() == KEY_NOT_FOUND
            && lease != LeaseId::NONE
            && !self.knows(lease).await
        {
            return Err(status(Error::LeaseNotFound(lease)));
        }
        match answer? {
            (revision, OpResponse::Put { prev_kv }) => Ok(Response::new(pb::PutResponse {
                header: Some(self.0.header(revision)),
                prev_kv: prev_kv.map(key_value),
            })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        self.fits(request.get_ref())?;
        let pb::DeleteRangeRequest { key, range_end, prev_kv } = request.into_inner();
        if key.is_empty() {
            return Err(Status::invalid_argument(EMPTY_KEY));
        }
        match self.one(&store, Op::Delete { range: key_range(key, range_end), prev_kv }).await? {
            (revision, OpResponse::Delete { deleted, prev_kvs }) => {
                Ok(Response::new(pb::DeleteRangeResponse {
                    header: Some(self.0.header(revision)),
                    deleted: i64::try_from(deleted).unwrap_or(i64::MAX),
                    prev_kvs: prev_kvs.into_iter().map(key_value).collect(),
                }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn txn(
        &self,
        request: Request<pb::TxnRequest>,
    ) -> Result<Response<pb::TxnResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        self.fits(request.get_ref())?;
        let txn = txn::txn(request.into_inner())?;
        txn.check(self.0.options.max_txn_ops).map_err(status)?;
        let response = store.txn(txn).await.map_err(status)?;
        let header = self.0.header(response.revision);
        Ok(Response::new(txn::response(header, response)))
    }

    async fn compact(
        &self,
        request: Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        store.require_root().map_err(status)?;
        let revision = Revision(request.into_inner().revision);
        store.compact(revision).await.map_err(status)?;
        Ok(Response::new(pb::CompactionResponse { header: Some(self.0.header_now()) }))
    }
}
