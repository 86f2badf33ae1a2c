//! What is told of calls.

use super::page::{Page, Type};
use crate::calls::{CODES, MethodCounts};
use crate::context::Context;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts by method, under the names of grpc-go's middleware, and by client.
pub(super) fn wire(page: &mut Page, context: &Context) {
    by_method(page, context);
    for (name, help, value) in [
        (
            "etcd_network_client_grpc_received_bytes_total",
            "Bytes of messages from clients.",
            &context.ledger.received_bytes,
        ),
        (
            "etcd_network_client_grpc_sent_bytes_total",
            "Bytes of messages to clients.",
            &context.ledger.sent_bytes,
        ),
    ] {
        page.one(name, Type::Counter, help, value.load(Ordering::Relaxed));
    }
    let name = "etcd_server_client_requests_total";
    page.head(name, Type::Counter, "Calls by kind and version of the client.");
    for ((streams, version), count) in context.ledger.clients() {
        let kind = if streams { "stream" } else { "unary" };
        page.value(name, &[("client_api_version", &version), ("type", kind)], count);
    }
    durations(page, context);
}

fn labels(counts: &MethodCounts) -> [(&'static str, &str); 3] {
    [
        ("grpc_method", &counts.method),
        ("grpc_service", &counts.service),
        ("grpc_type", counts.kind.name()),
    ]
}

fn by_method(page: &mut Page, context: &Context) {
    let name = "grpc_server_handled_total";
    page.head(name, Type::Counter, "Calls that have ended, by code.");
    for counts in context.ledger.methods() {
        for (code, ended) in CODES.iter().zip(&counts.handled) {
            let [method, service, kind] = labels(counts);
            let labels = [("grpc_code", *code), method, service, kind];
            page.value(name, &labels, ended.load(Ordering::Relaxed));
        }
    }
    type Count = fn(&MethodCounts) -> &AtomicU64;
    let all: [(&str, &str, Count); 3] = [
        ("grpc_server_started_total", "Calls that have begun.", |counts| &counts.started),
        ("grpc_server_msg_received_total", "Messages received.", |counts| &counts.received),
        ("grpc_server_msg_sent_total", "Messages sent.", |counts| &counts.sent),
    ];
    for (name, help, of) in all {
        page.head(name, Type::Counter, help);
        for counts in context.ledger.methods() {
            page.value(name, &labels(counts), of(counts).load(Ordering::Relaxed));
        }
    }
}

fn durations(page: &mut Page, context: &Context) {
    for (name, help, service, method) in [
        ("etcd_mvcc_hash_duration_seconds", "How long hashes took.", "Maintenance", "Hash"),
        ("etcd_mvcc_hash_rev_duration_seconds", "How long hashes took.", "Maintenance", "HashKV"),
        (
            "etcd_disk_backend_defrag_duration_seconds",
            "How long defragmentations took.",
            "Maintenance",
            "Defragment",
        ),
        (
            "etcd_disk_backend_snapshot_duration_seconds",
            "How long snapshots took.",
            "Maintenance",
            "Snapshot",
        ),
        ("etcd_server_range_duration_seconds", "How long ranges took.", "KV", "Range"),
    ] {
        let counts = context.ledger.named(service, method);
        if let Some(took) = counts.and_then(|counts| counts.took.as_ref()) {
            page.histogram(name, help, &took.read());
        }
    }
    let name = "etcd_disk_defrag_inflight";
    let inflight = context.ledger.named("Maintenance", "Defragment");
    let inflight = inflight.map_or(0, MethodCounts::under_way);
    page.one(name, Type::Gauge, "Defragmentations under way.", inflight);
}
