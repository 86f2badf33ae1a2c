//! What is served over plain HTTP beside the gateway: health, versions and metrics.

mod checks;
mod cors;
mod health;
mod query;

pub(crate) use checks::{CheckCounts, counts as check_counts};
pub(crate) use cors::allow_origins;

use crate::context::Context;
use crate::metrics::metrics;
use crate::version::version;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use std::sync::Arc;
use tonic::codegen::http::{StatusCode, header};

/// The routes of a listener that serves clients, and of one for metrics alone.
pub(crate) fn routes(context: &Context) -> Router {
    let shared = || Arc::clone(context);
    let (measured, told) = (shared(), shared());
    let router = Router::new()
        .route("/metrics", only_get(get(move || metrics(Arc::clone(&measured)))))
        .route("/version", only_get(get(move || version(Arc::clone(&told)))))
        .merge(health::routes(context));
    checks::routes(context, router)
}

/// Answers every other method as Go's server does.
fn only_get(route: MethodRouter) -> MethodRouter {
    route.fallback(async || {
        (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")], "Method Not Allowed\n")
    })
}

pub(crate) fn json(code: StatusCode, body: String) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
