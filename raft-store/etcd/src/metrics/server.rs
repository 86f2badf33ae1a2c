//! What is told of the member: consensus, state and leases.

use super::page::{Page, Type};
use crate::context::Context;
use crate::http::CheckCounts;
use crate::version::minor;
use quorate_store::Store;
use std::sync::atomic::{AtomicU64, Ordering};
use tonic::Code;

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Who the member is and how it stands in its cluster.
pub(super) fn server(page: &mut Page, context: &Context) {
    let member = &context.member;
    let status = member.status();
    let version = &context.options.version;
    let (major, lesser) = minor(version);
    let cluster = format!("{major}.{lesser}");
    let id = format!("{:x}", member.id().0);
    for (name, label, value) in [
        ("etcd_server_version", "server_version", version.as_str()),
        ("etcd_cluster_version", "cluster_version", &cluster),
        ("etcd_server_id", "server_id", &id),
    ] {
        page.head(name, Type::Gauge, "1 under what it is.");
        page.value(name, &[(label, value)], 1);
    }
    let (last, applied) = member.log_position();
    let learner = u64::from(context.rules.is_learner());
    for (name, help, value) in [
        (
            "etcd_server_has_leader",
            "1 if there is a leader.",
            u64::from(context.rules.has_leader()),
        ),
        ("etcd_server_is_leader", "1 if it leads.", u64::from(status.leading().is_some())),
        ("etcd_server_is_learner", "1 if it has no vote.", learner),
        ("etcd_server_proposals_committed_total", "Entries in its log.", last.0),
        ("etcd_server_proposals_applied_total", "Entries it has applied.", applied.0),
        (
            "etcd_server_proposals_pending",
            "Entries in its log that are not applied.",
            last.0.saturating_sub(applied.0),
        ),
        ("etcd_server_quota_backend_bytes", "Its quota.", member.quota_bytes()),
    ] {
        page.one(name, Type::Gauge, help, value);
    }
    let counts = &context.counts;
    for (name, help, value) in [
        (
            "etcd_server_leader_changes_seen_total",
            "Leaders that came after another.",
            read(&counts.leader_changes),
        ),
        ("etcd_server_proposals_failed_total", "Writes that failed.", failed_writes(context)),
        ("etcd_server_read_indexes_failed_total", "Reads that failed.", failed_reads(context)),
        ("etcd_server_health_success", "Health checks passed.", read(&counts.health_successes)),
        ("etcd_server_health_failures", "Health checks failed.", read(&counts.health_failures)),
        (
            "etcd_server_learner_promote_successes",
            "Learners that were given a vote here.",
            ended(context, "Cluster", "MemberPromote", Code::Ok),
        ),
    ] {
        page.one(name, Type::Counter, help, value);
    }
}

fn ended(context: &Context, service: &str, method: &str, code: Code) -> u64 {
    context.ledger.named(service, method).map_or(0, |counts| counts.ended_with(code))
}

fn failed_writes(context: &Context) -> u64 {
    let writes = [
        ("KV", "Put"),
        ("KV", "DeleteRange"),
        ("KV", "Txn"),
        ("KV", "Compact"),
        ("Lease", "LeaseGrant"),
        ("Lease", "LeaseRevoke"),
    ];
    writes.iter().map(|(service, method)| ended(context, service, method, Code::Unavailable)).sum()
}

fn failed_reads(context: &Context) -> u64 {
    ["Range", "RangeStream"]
        .iter()
        .map(|method| ended(context, "KV", method, Code::Unavailable))
        .sum()
}

/// What the member holds, and what it has done with it.
pub(super) async fn storage(page: &mut Page, context: &Context) {
    let member = &context.member;
    let (status, log) = (member.status(), member.log_stats());
    let size = member.size().await.unwrap_or(0);
    let counts = &context.counts;
    let done = member.operations();
    for (name, help, value) in [
        ("etcd_mvcc_db_total_size_in_bytes", "Size of its state.", size),
        ("etcd_mvcc_db_total_size_in_use_in_bytes", "Size of its state in use.", size),
        ("etcd_debugging_mvcc_db_total_size_in_bytes", "Size of its state.", size),
        (
            "etcd_debugging_mvcc_current_revision",
            "Revision of its state.",
            status.revision.0.unsigned_abs(),
        ),
        (
            "etcd_debugging_mvcc_compact_revision",
            "Revision of its last compaction.",
            status.compacted.0.unsigned_abs(),
        ),
        ("etcd_debugging_mvcc_watch_stream_total", "Watch streams.", counts.watch_streams.read()),
        ("etcd_debugging_mvcc_watcher_total", "Watches.", counts.watchers.read()),
        ("etcd_disk_wal_write_bytes_total", "Bytes written to its log.", log.bytes),
    ] {
        page.one(name, Type::Gauge, help, value);
    }
    let granted = ended(context, "Lease", "LeaseGrant", Code::Ok);
    let revoked = ended(context, "Lease", "LeaseRevoke", Code::Ok);
    for (name, help, value) in [
        ("etcd_mvcc_put_total", "Puts applied.", done.puts),
        ("etcd_mvcc_delete_total", "Deletes applied.", done.deletes),
        ("etcd_mvcc_range_total", "Ranges read.", done.ranges),
        ("etcd_mvcc_txn_total", "Transactions of several steps applied.", done.txns),
        ("etcd_debugging_mvcc_put_total", "Puts applied.", done.puts),
        ("etcd_debugging_mvcc_delete_total", "Deletes applied.", done.deletes),
        ("etcd_debugging_mvcc_range_total", "Ranges read.", done.ranges),
        ("etcd_debugging_mvcc_txn_total", "Transactions of several steps applied.", done.txns),
        ("etcd_debugging_mvcc_events_total", "Events sent.", read(&counts.events_sent)),
        ("etcd_debugging_lease_granted_total", "Leases granted here.", granted),
        ("etcd_debugging_lease_revoked_total", "Leases revoked here.", revoked),
        (
            "etcd_debugging_lease_renewed_total",
            "Leases renewed here.",
            read(&counts.leases_renewed),
        ),
    ] {
        page.one(name, Type::Counter, help, value);
    }
    // How long each took is not kept, only how often.
    let name = "etcd_disk_wal_fsync_duration_seconds_count";
    page.one(name, Type::Counter, "Times its log was synced.", log.syncs);
}

/// How checks went.
pub(super) fn checks(page: &mut Page, context: &Context) {
    let made = || {
        let made = |counts: &&CheckCounts| read(&counts.passed) + read(&counts.failed) > 0;
        context.checks.iter().filter(made)
    };
    let name = "etcd_server_healthcheck";
    page.head(name, Type::Gauge, "1 if a check passed when it was last made.");
    for counts in made() {
        let labels = [("name", counts.check.name()), ("type", counts.path)];
        page.value(name, &labels, read(&counts.last));
    }
    let name = "etcd_server_healthchecks_total";
    page.head(name, Type::Counter, "Checks made.");
    for counts in made() {
        for (status, count) in [("success", &counts.passed), ("error", &counts.failed)] {
            let labels = [("name", counts.check.name()), ("status", status), ("type", counts.path)];
            page.value(name, &labels, read(count));
        }
    }
}
