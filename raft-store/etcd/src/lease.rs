//! The Lease service.

use crate::auth::Credentials;
use crate::context::{Context, Shared};
use crate::errors::{TTL_TOO_LARGE, status};
use crate::metrics::count;
use crate::proto::etcdserverpb as pb;
use crate::proto::servers::lease_server::Lease;
use futures::StreamExt;
use futures::stream::BoxStream;
use quorate_store::{Error, Store};
use quorate_types::LeaseId;
use quorate_types::limits::MAX_LEASE_TTL_SECONDS;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status, Streaming};

/// Renewals of one stream that wait for the leader at a time; more wait in the connection.
const RENEWALS_AT_ONCE: usize = 64;

#[derive(Debug)]
pub(crate) struct LeaseService(pub(crate) Context);

impl Shared {
    /// Renews a lease; one that does not exist has no time to live.
    async fn renew(
        &self,
        credentials: &Credentials,
        id: i64,
    ) -> Result<pb::LeaseKeepAliveResponse, Status> {
        // Taken before the renewal, so that no later revocation can seem older than it.
        let header = self.header_now();
        let store = self.store_for(credentials).await.map_err(status)?;
        let ttl = match store.lease_keep_alive(LeaseId(id)).await {
            Ok(ttl) => {
                count(&self.counts.leases_renewed);
                seconds(ttl)
            }
            Err(Error::LeaseNotFound(_)) => 0,
            Err(error) => return Err(status(error)),
        };
        Ok(pb::LeaseKeepAliveResponse { header: Some(header), id, ttl })
    }
}

fn seconds(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX)
}

#[tonic::async_trait]
impl Lease for LeaseService {
    type LeaseKeepAliveStream = BoxStream<'static, Result<pb::LeaseKeepAliveResponse, Status>>;

    async fn lease_grant(
        &self,
        request: Request<pb::LeaseGrantRequest>,
    ) -> Result<Response<pb::LeaseGrantResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        let pb::LeaseGrantRequest { ttl, id } = request.into_inner();
        if ttl > MAX_LEASE_TTL_SECONDS {
            return Err(Status::out_of_range(TTL_TOO_LARGE));
        }
        // Whatever is too short becomes the shortest there is.
        let ttl = Duration::from_secs(u64::try_from(ttl).unwrap_or(0).max(1));
        let granted = store.lease_grant(LeaseId(id), ttl).await.map_err(status)?;
        Ok(Response::new(pb::LeaseGrantResponse {
            header: Some(self.0.header_now()),
            id: granted.id.0,
            ttl: seconds(granted.ttl),
            error: String::new(),
        }))
    }

    async fn lease_revoke(
        &self,
        request: Request<pb::LeaseRevokeRequest>,
    ) -> Result<Response<pb::LeaseRevokeResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        store.lease_revoke(LeaseId(request.into_inner().id)).await.map_err(status)?;
        Ok(Response::new(pb::LeaseRevokeResponse { header: Some(self.0.header_now()) }))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<pb::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let context = Arc::clone(&self.0);
        let credentials = Arc::new(Credentials::of(request.metadata(), request.extensions()));
        let answers = request
            .into_inner()
            .map(move |request| {
                let (context, credentials) = (Arc::clone(&context), Arc::clone(&credentials));
                async move { context.renew(&credentials, request?.id).await }
            })
            .buffered(RENEWALS_AT_ONCE);
        Ok(Response::new(answers.boxed()))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<pb::LeaseTimeToLiveRequest>,
    ) -> Result<Response<pb::LeaseTimeToLiveResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        let pb::LeaseTimeToLiveRequest { id, keys } = request.into_inner();
        let mut response = pb::LeaseTimeToLiveResponse { id, ttl: -1, ..Default::default() };
        let found = match keys {
            true => store.lease_time_to_live(LeaseId(id)).await,
            false => store.lease_remaining(LeaseId(id)).await,
        };
        match found {
            Ok(found) => {
                response.ttl = seconds(found.remaining);
                response.granted_ttl = seconds(found.granted);
                response.keys = found.keys;
            }
            Err(Error::LeaseNotFound(_)) => {}
            Err(error) => return Err(status(error)),
        }
        response.header = Some(self.0.header_now());
        Ok(Response::new(response))
    }

    async fn lease_leases(
        &self,
        request: Request<pb::LeaseLeasesRequest>,
    ) -> Result<Response<pb::LeaseLeasesResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        let leases = store.leases().await.map_err(status)?;
        let leases = leases.into_iter().map(|id| pb::LeaseStatus { id: id.0 }).collect();
        Ok(Response::new(pb::LeaseLeasesResponse { header: Some(self.0.header_now()), leases }))
    }
}
