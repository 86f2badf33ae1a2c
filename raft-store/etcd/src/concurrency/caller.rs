//! A client of the KV, Watch and Lease services in the same process, on behalf of one of ours.

use crate::proto::etcdserverpb as pb;
use bytes::Bytes;
use futures::StreamExt;
use pb::kv_client::KvClient;
use pb::lease_client::LeaseClient;
use pb::range_request::{SortOrder, SortTarget};
use pb::watch_client::WatchClient;
use pb::watch_request::RequestUnion;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Code, Extensions, Request, Status, Streaming};

/// Time to live in seconds of the lease that a caller without one is given (etcd's rule).
const SESSION_TTL_SECONDS: i64 = 60;

/// The services, called with somebody's metadata.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    routes: Routes,
    metadata: MetadataMap,
    extensions: Extensions,
}

impl Caller {
    /// Calls the services as the sender of a request; gives what he asked for.
    pub(crate) fn of<T>(routes: &Routes, request: Request<T>) -> (Self, T) {
        let (metadata, extensions, message) = request.into_parts();
        (Self { routes: routes.clone(), metadata, extensions }, message)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        Request::from_parts(self.metadata.clone(), self.extensions.clone(), message)
    }

    pub(crate) async fn txn(&self, txn: pb::TxnRequest) -> Result<pb::TxnResponse, Status> {
        let answer = KvClient::new(self.routes.clone()).txn(self.request(txn)).await;
        Ok(answer.map_err(unknown)?.into_inner())
    }

    pub(crate) async fn range(&self, range: pb::RangeRequest) -> Result<pb::RangeResponse, Status> {
        let answer = KvClient::new(self.routes.clone()).range(self.request(range)).await;
        Ok(answer.map_err(unknown)?.into_inner())
    }

    pub(crate) async fn delete(&self, key: Bytes) -> Result<pb::DeleteRangeResponse, Status> {
        let delete = pb::DeleteRangeRequest { key, ..Default::default() };
        let answer = KvClient::new(self.routes.clone()).delete_range(self.request(delete)).await;
        Ok(answer.map_err(unknown)?.into_inner())
    }

    /// The lease of a caller: its own, or one that is granted now.
    pub(crate) async fn session(&self, lease: i64) -> Result<i64, Status> {
        if lease != 0 {
            return Ok(lease);
        }
        let grant = pb::LeaseGrantRequest { ttl: SESSION_TTL_SECONDS, id: 0 };
        let granted = LeaseClient::new(self.routes.clone()).lease_grant(self.request(grant)).await;
        Ok(granted.map_err(unknown)?.into_inner().id)
    }

    pub(crate) async fn watch(
        &self,
        create: pb::WatchCreateRequest,
    ) -> Result<Streaming<pb::WatchResponse>, Status> {
        let create = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        // The stream ends with its reader, not after its only request.
        let requests = futures::stream::iter([create]).chain(futures::stream::pending());
        let mut client =
            WatchClient::new(self.routes.clone()).max_decoding_message_size(usize::MAX);
        let answers = client.watch(self.request(requests)).await;
        Ok(answers.map_err(unknown)?.into_inner())
    }

    /// Waits until every key below a prefix that was created at or before a revision is deleted.
    pub(crate) async fn wait_deleted(&self, prefix: &Bytes, newest: i64) -> Result<(), Status> {
        loop {
            let found = self.range(last_created(prefix, newest)).await?;
            let revision = found.header.map_or(0, |header| header.revision);
            let Some(before) = found.kvs.into_iter().next() else { return Ok(()) };
            self.wait_delete(before.key, revision).await?;
        }
    }

    async fn wait_delete(&self, key: Bytes, from: i64) -> Result<(), Status> {
        let create = pb::WatchCreateRequest { key, start_revision: from, ..Default::default() };
        let mut answers = self.watch(create).await?;
        while let Some(answer) = answers.message().await.map_err(unknown)? {
            if answer.canceled {
                return Err(canceled(&answer));
            }
            let deleted = i32::from(crate::proto::mvccpb::event::EventType::Delete);
            if answer.events.iter().any(|event| event.r#type == deleted) {
                return Ok(());
            }
        }
        Err(Status::unknown("lost watcher waiting for delete"))
    }
}

/// Why a watch was ended from here.
pub(crate) fn canceled(answer: &pb::WatchResponse) -> Status {
    if answer.compact_revision != 0 {
        return Status::unknown("etcdserver: mvcc: required revision has been compacted");
    }
    Status::unknown(answer.cancel_reason.clone())
}

/// The end of all keys with a prefix, in etcd's words.
pub(crate) fn prefix_end(prefix: &[u8]) -> Bytes {
    let end = quorate_store::KeyRange::prefix(prefix.to_vec()).end();
    end.unwrap_or_else(|| Bytes::from_static(b"\0"))
}

/// The newest key below a prefix, none newer than a revision.
fn last_created(prefix: &Bytes, newest: i64) -> pb::RangeRequest {
    let mut range = first_created(prefix);
    range.sort_order = SortOrder::Descend.into();
    range.max_create_revision = newest;
    range
}

/// The oldest key below a prefix.
pub(crate) fn first_created(prefix: &Bytes) -> pb::RangeRequest {
    pb::RangeRequest {
        key: prefix.clone(),
        range_end: prefix_end(prefix),
        limit: 1,
        sort_order: SortOrder::Ascend.into(),
        sort_target: SortTarget::Create.into(),
        ..Default::default()
    }
}

fn unknown(status: Status) -> Status {
    Status::new(Code::Unknown, status.message())
}
