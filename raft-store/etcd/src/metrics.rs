//! Metrics under etcd's names, in Prometheus' text format: those that dashboards need first.

use crate::context::Context;
use quorate_store::Store;

pub(crate) async fn metrics(context: Context) -> String {
    let member = &context.member;
    let (status, log) = (member.status(), member.log_stats());
    let size = member.size().await.unwrap_or(0);
    let (last, applied) = member.log_position();
    let leads = u64::from(status.leading().is_some());
    let lines = [
        ("etcd_server_has_leader", "gauge", u64::from(status.leader.is_some())),
        ("etcd_server_is_leader", "gauge", leads),
        ("etcd_server_proposals_applied_total", "gauge", applied.0),
        ("etcd_server_proposals_committed_total", "gauge", last.0),
        ("etcd_debugging_mvcc_current_revision", "gauge", status.revision.0.unsigned_abs()),
        ("etcd_debugging_mvcc_compact_revision", "gauge", status.compacted.0.unsigned_abs()),
        ("etcd_mvcc_db_total_size_in_bytes", "gauge", size),
        ("etcd_disk_wal_write_bytes_total", "counter", log.bytes),
    ];
    let mut text: String = lines
        .iter()
        .map(|(name, kind, value)| format!("# TYPE {name} {kind}\n{name} {value}\n"))
        .collect();
    // How long each took is not kept, only how often.
    let name = "etcd_disk_wal_fsync_duration_seconds";
    text.push_str(&format!("# TYPE {name} summary\n{name}_count {}\n", log.syncs));
    text
}
