//! Metrics under etcd's names and types, in Prometheus' text format.
//!
//! Invariants: a name means what it means in etcd, or is missing. What exists only in etcd's own
//! database, snapshots or proxies is missing, and so is what is not measured.

mod counts;
mod histogram;
mod page;
mod process;
mod server;
mod wire;

pub(crate) use counts::{Counts, count};
pub(crate) use histogram::Histogram;

use crate::context::Context;
use axum::response::{IntoResponse, Response};
use page::Page;
use tonic::codegen::http::header;

/// Prometheus' text format, version 0.0.4.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page at `/metrics`.
pub(crate) async fn metrics(context: Context) -> Response {
    ([(header::CONTENT_TYPE, FORMAT)], page(&context).await).into_response()
}

async fn page(context: &Context) -> String {
    let mut page = Page::default();
    server::server(&mut page, context);
    server::checks(&mut page, context);
    server::storage(&mut page, context).await;
    wire::wire(&mut page, context);
    process::process(&mut page);
    page.into_text()
}
