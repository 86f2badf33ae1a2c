//! The gRPC health service, and etcd's `/health` and `/version`.

use crate::ETCD_VERSION;
use crate::context::Context;
use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::{HealthCheckRequest, HealthCheckResponse};
use crate::proto::health_server::health_server::Health;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use futures::stream::{self, BoxStream, StreamExt};
use quorate_store::Store;
use tonic::{Request, Response, Status};

#[derive(Debug)]
pub(crate) struct HealthService(pub(crate) Context);

impl HealthService {
    fn serving(&self) -> HealthCheckResponse {
        let status = match self.0.member.status().leader {
            Some(_) => ServingStatus::Serving,
            None => ServingStatus::NotServing,
        };
        HealthCheckResponse { status: status.into() }
    }
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(self.serving()))
    }

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = Self(self.0.clone());
        let changes = self.0.member.status_watch();
        let answers =
            stream::unfold((service, changes, true), async |(service, mut changes, first)| {
                if !first && changes.changed().await.is_err() {
                    return None;
                }
                let answer = service.serving();
                Some((Ok(answer), (service, changes, false)))
            });
        Ok(Response::new(answers.boxed()))
    }
}

/// Healthy is who can confirm with a quorum that it is up to date.
pub(crate) async fn health(context: Context) -> HttpResponse {
    let reached = context.member.wait_ready(std::time::Duration::from_secs(5)).await;
    let (code, body) = match reached {
        Ok(_) => (StatusCode::OK, r#"{"health":"true","reason":""}"#),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, r#"{"health":"false","reason":"QGET ERROR"}"#),
    };
    json(code, body.to_owned())
}

pub(crate) async fn version() -> HttpResponse {
    let minor = ETCD_VERSION.rsplit_once('.').map_or(ETCD_VERSION, |(minor, _)| minor);
    let body = format!(r#"{{"etcdserver":"{ETCD_VERSION}","etcdcluster":"{minor}.0"}}"#);
    json(StatusCode::OK, body)
}

fn json(code: StatusCode, body: String) -> HttpResponse {
    (code, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
