//! `/health`: whether the cluster behind this member serves.

use super::query::Query;
use super::{json, only_get};
use crate::context::{Context, Shared};
use crate::metrics::count;
use crate::version::minor;
use axum::Router;
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::get;
use quorate_member::{Alarm, AlarmKind};
use quorate_store::{Consistency, RangeRequest, Store};
use std::sync::Arc;
use tonic::codegen::http::StatusCode;

pub(super) fn routes(context: &Context) -> Router {
    let context = Arc::clone(context);
    let health = move |RawQuery(query): RawQuery| {
        let context = Arc::clone(&context);
        async move { health(&context, &Query::read(query.as_deref())).await }
    };
    Router::new().route("/health", only_get(get(health)))
}

async fn health(context: &Shared, query: &Query) -> Response {
    let (code, healthy, reason) = match check(context, query).await {
        Ok(()) => (StatusCode::OK, true, String::new()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, false, reason),
    };
    let counts = &context.counts;
    count(if healthy { &counts.health_successes } else { &counts.health_failures });
    // 3.4 tells no reason.
    let body = match minor(&context.options.version) < (3, 5) {
        true => serde_json::json!({ "health": healthy.to_string() }),
        false => serde_json::json!({ "health": healthy.to_string(), "reason": reason }),
    };
    json(code, body.to_string())
}

async fn check(context: &Shared, query: &Query) -> Result<(), String> {
    let serializable = query.is("serializable", "true");
    for alarm in context.member.raised_alarms() {
        let name = name(&alarm);
        if !query.lists("exclude", name) {
            return Err(format!("ALARM {name}"));
        }
    }
    if !serializable && !context.rules.has_leader() {
        return Err("RAFT NO LEADER".to_owned());
    }
    let read = context.probe(serializable).await;
    read.map_err(|status| format!("RANGE ERROR:{}", status.message()))
}

/// An alarm's name in etcd's words.
pub(super) fn name(alarm: &Alarm) -> &'static str {
    match alarm.kind {
        AlarmKind::NoSpace => "NOSPACE",
        _ => "UNKNOWN",
    }
}

impl Shared {
    /// Reads a key: whether the member, or the cluster, answers at all.
    pub(super) async fn probe(&self, serializable: bool) -> Result<(), tonic::Status> {
        let mut range = RangeRequest::key("health");
        range.keys_only = true;
        range.limit = 1;
        if serializable {
            range.consistency = Consistency::Serializable;
        }
        self.member.range(range).await.map(|_| ()).map_err(crate::errors::status)
    }
}
