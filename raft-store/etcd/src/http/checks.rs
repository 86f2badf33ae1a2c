//! `/livez` and `/readyz`, and one path below them for each of their checks.

use super::health::name;
use super::only_get;
use super::query::Query;
use crate::context::{Context, Shared};
use axum::Router;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tonic::codegen::http::{StatusCode, header};

/// What is checked, under etcd's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
    NonLearner,
}

impl Check {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DataCorruption => "data_corruption",
            Self::SerializableRead => "serializable_read",
            Self::LinearizableRead => "linearizable_read",
            Self::NonLearner => "non_learner",
        }
    }

    async fn run(self, context: &Shared) -> Result<(), String> {
        let read = match self {
            Self::DataCorruption => {
                let raised = context.member.raised_alarms();
                return match raised.iter().any(|alarm| name(alarm) == "CORRUPT") {
                    true => Err("alarm activated: CORRUPT".to_owned()),
                    false => Ok(()),
                };
            }
            Self::NonLearner => {
                let learner = context.rules.is_learner();
                return if learner { Err("not supported for learner".to_owned()) } else { Ok(()) };
            }
            Self::SerializableRead => context.probe(true).await,
            Self::LinearizableRead => context.probe(false).await,
        };
        read.map_err(|status| status.message().to_owned())
    }
}

/// Paths and what is checked there.
pub(crate) const PATHS: [(&str, &[Check]); 2] = [
    ("livez", &[Check::SerializableRead]),
    (
        "readyz",
        &[
            Check::DataCorruption,
            Check::SerializableRead,
            Check::LinearizableRead,
            Check::NonLearner,
        ],
    ),
];

/// How often a check at a path passed and failed, and whether it passed when last made.
#[derive(Debug)]
pub(crate) struct CheckCounts {
    pub(crate) path: &'static str,
    pub(crate) check: Check,
    pub(crate) passed: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) last: AtomicU64,
}

/// Nothing checked yet.
pub(crate) fn counts() -> Vec<CheckCounts> {
    let of = |(path, checks): (&'static str, &'static [Check])| {
        checks.iter().map(move |check| CheckCounts {
            path,
            check: *check,
            passed: AtomicU64::default(),
            failed: AtomicU64::default(),
            last: AtomicU64::default(),
        })
    };
    PATHS.into_iter().flat_map(of).collect()
}

pub(super) fn routes(context: &Context, mut router: Router) -> Router {
    for (path, checks) in PATHS {
        router = router.route(&format!("/{path}"), route(context, path, checks));
        for check in checks {
            let below = format!("/{path}/{}", check.name());
            router = router.route(&below, route(context, path, std::slice::from_ref(check)));
        }
    }
    router
}

fn route(
    context: &Context,
    path: &'static str,
    checks: &'static [Check],
) -> axum::routing::MethodRouter {
    let context = Arc::clone(context);
    only_get(get(move |RawQuery(query): RawQuery| {
        let context = Arc::clone(&context);
        async move { answer(&context, path, checks, &Query::read(query.as_deref())).await }
    }))
}

async fn answer(context: &Shared, path: &str, checks: &[Check], query: &Query) -> Response {
    let mut reasons = String::new();
    let mut failed = false;
    for check in checks.iter().filter(|check| !query.lists("exclude", check.name())) {
        let name = check.name();
        let outcome = check.run(context).await;
        context.note(path, *check, outcome.is_ok());
        match outcome {
            Ok(()) => reasons.push_str(&format!("[+]{name} ok\n")),
            Err(reason) => {
                failed = true;
                reasons.push_str(&format!("[-]{name} failed: {reason}\n"));
            }
        }
    }
    let (code, body) = match failed {
        true => (StatusCode::SERVICE_UNAVAILABLE, format!("{reasons}\n")),
        false if query.has("verbose") => (StatusCode::OK, format!("{reasons}ok\n")),
        false => (StatusCode::OK, "ok\n".to_owned()),
    };
    let kind = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (code, kind, body).into_response()
}

impl Shared {
    fn note(&self, path: &str, check: Check, passed: bool) {
        let counts = self.checks.iter().find(|one| one.path == path && one.check == check);
        if let Some(counts) = counts {
            let count = if passed { &counts.passed } else { &counts.failed };
            count.fetch_add(1, Ordering::Relaxed);
            counts.last.store(u64::from(passed), Ordering::Relaxed);
        }
    }
}
