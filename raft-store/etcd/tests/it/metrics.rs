//! Metrics under etcd's names tell what happened.

use crate::http::get;
use crate::own::{Own, prefixed};
use quorate_etcd::proto::etcdserverpb as pb;

/// The value at the end of the line that begins with a name and its labels.
fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is missing: {page}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_and_calls_are_counted() {
    let own = Own::start().await;
    own.put("a", "1").await;
    own.put("b", "2").await;
    let delete = pb::DeleteRangeRequest { key: "a".into(), ..Default::default() };
    own.kv().delete_range(delete).await.unwrap();
    own.kv().range(prefixed("a")).await.unwrap();
    own.kv().put(pb::PutRequest::default()).await.unwrap_err();
    own.grant(5, 60).await;
    let page = get(own.addr, "/metrics").await.body;
    for (name, expected) in [
        ("etcd_mvcc_put_total", 2.0),
        ("etcd_mvcc_delete_total", 1.0),
        ("etcd_mvcc_range_total", 1.0),
        ("etcd_mvcc_txn_total", 0.0),
        ("etcd_server_has_leader", 1.0),
        ("etcd_server_is_leader", 1.0),
        ("etcd_server_is_learner", 0.0),
        ("etcd_server_leader_changes_seen_total", 1.0),
        ("etcd_server_quota_backend_bytes", 2_147_483_648.0),
        ("etcd_server_id{server_id=\"1\"}", 1.0),
        ("etcd_debugging_mvcc_current_revision", 4.0),
        ("etcd_debugging_lease_granted_total", 1.0),
        ("etcd_server_range_duration_seconds_count", 1.0),
        ("etcd_server_client_requests_total{client_api_version=\"unknown\",type=\"unary\"}", 6.0),
        (
            "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}",
            2.0,
        ),
        (
            "grpc_server_handled_total{grpc_code=\"InvalidArgument\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}",
            1.0,
        ),
        (
            "grpc_server_msg_received_total{grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}",
            3.0,
        ),
        (
            "grpc_server_msg_sent_total{grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}",
            2.0,
        ),
        (
            "grpc_server_started_total{grpc_method=\"Watch\",grpc_service=\"etcdserverpb.Watch\",grpc_type=\"bidi_stream\"}",
            0.0,
        ),
    ] {
        assert!(
            (value(&page, name) - expected).abs() < f64::EPSILON,
            "{name}: {}",
            value(&page, name)
        );
    }
    for name in [
        "etcd_disk_wal_fsync_duration_seconds_count",
        "etcd_network_client_grpc_received_bytes_total",
        "etcd_network_client_grpc_sent_bytes_total",
        "etcd_server_proposals_applied_total",
        "process_resident_memory_bytes",
        "os_fd_used",
    ] {
        assert!(value(&page, name) > 0.0, "{name}");
    }
    own.stop().await;
}
