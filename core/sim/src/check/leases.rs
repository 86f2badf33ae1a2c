//! The rules of leases: none ends before its time by the holder's own knowledge, a renewal never
//! succeeds after the end, and all keys of a lease go together.

use crate::history::{Change, Findings, LeaseRecord, Recorded};
use quorate_store::{Event, EventKind};
use quorate_types::{LeaseId, Revision};
use std::time::Duration;

/// How much a clock may be ahead: 500 ppm either way, and a millisecond.
fn tolerance(ttl: Duration) -> Duration {
    ttl / 500 + Duration::from_millis(1)
}

fn ended(event: &Event, lease: LeaseId) -> bool {
    event.kind == EventKind::Delete && event.prev_kv.as_ref().is_some_and(|kv| kv.lease == lease)
}

/// Checks every lease against the history.
pub(crate) fn check(recorded: &Recorded, findings: &Findings) {
    for lease in &recorded.leases {
        let ends: Vec<(&Revision, &Change)> = recorded
            .changes
            .iter()
            .filter(|(_, change)| change.events.iter().any(|event| ended(event, lease.id)))
            .collect();
        if ends.len() > 1 {
            findings.violation(format!("lease {} ended at several revisions: {ends:?}", lease.id));
        }
        if let Some((revision, change)) = ends.first() {
            check_end(lease, **revision, change, findings);
        }
    }
}

fn check_end(lease: &LeaseRecord, revision: Revision, change: &Change, findings: &Findings) {
    let due = lease.assured_at + lease.ttl;
    if !lease.revoked && change.seen_at + tolerance(lease.ttl) < due {
        findings.violation(format!(
            "lease {} ended at revision {revision}, seen at {:?}, although it was assured at {:?} for {:?}",
            lease.id, change.seen_at, lease.assured_at, lease.ttl
        ));
    }
    if let Some(late) = lease.renewals.iter().find(|asked| **asked > change.seen) {
        findings.violation(format!(
            "lease {} was renewed at moment {late} after its end was seen at {}",
            lease.id, change.seen
        ));
    }
}
