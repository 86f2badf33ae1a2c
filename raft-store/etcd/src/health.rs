//! The gRPC health service.

use crate::context::Context;
use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::{HealthCheckRequest, HealthCheckResponse};
use crate::proto::health_server::health_server::Health;
use futures::stream::{self, BoxStream, StreamExt};
use tonic::{Request, Response, Status};

#[derive(Debug)]
pub(crate) struct HealthService(pub(crate) Context);

/// A status as an answer.
fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

impl HealthService {
    fn serving(&self) -> ServingStatus {
        match self.0.rules.has_leader() {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        }
    }

    /// The empty name is all of them together.
    fn knows(&self, service: &str) -> bool {
        let mut methods = self.0.descriptors.methods();
        service.is_empty() || methods.any(|(known, ..)| known == service)
    }
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(&request.into_inner().service) {
            return Err(Status::not_found("unknown service"));
        }
        Ok(Response::new(answer(self.serving())))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if !self.knows(&request.into_inner().service) {
            // It may come to be known: the stream stays open (the protocol's rule).
            let unknown = stream::iter([Ok(answer(ServingStatus::ServiceUnknown))]);
            return Ok(Response::new(unknown.chain(stream::pending()).boxed()));
        }
        let service = Self(self.0.clone());
        let changes = self.0.rules.changes();
        let answers =
            stream::unfold((service, changes, None), async |(service, mut changes, told)| {
                loop {
                    let now = service.serving();
                    if told != Some(now) {
                        return Some((Ok(answer(now)), (service, changes, Some(now))));
                    }
                    changes.next().await?;
                }
            });
        Ok(Response::new(answers.boxed()))
    }
}
