//! The watch guarantees: ordered, unique, complete, atomic per revision, previous values right.
//!
//! Order and progress are checked as batches arrive; here, what a watch delivered over its whole life
//! is compared with what the history says it should have.

use crate::history::{Findings, Recorded, WatchRecord};
use quorate_store::Event;

/// Compares every watch with the history.
pub(crate) fn check(recorded: &Recorded, findings: &Findings) {
    for watch in &recorded.watches {
        let expected = expected(recorded, watch);
        if watch.events.iter().eq(expected.iter().copied()) {
            continue;
        }
        let differ = watch.events.iter().zip(&expected).position(|(a, b)| a != *b);
        let at = differ.unwrap_or(watch.events.len().min(expected.len()));
        findings.violation(format!(
            "{} up to {}: {} events, expected {}; they differ at {at}: {:?}, expected {:?}",
            watch.name,
            watch.upto,
            watch.events.len(),
            expected.len(),
            watch.events.get(at),
            expected.get(at)
        ));
    }
}

fn expected<'a>(recorded: &'a Recorded, watch: &WatchRecord) -> Vec<&'a Event> {
    if watch.upto < watch.from {
        return Vec::new();
    }
    let changes = recorded.changes.range(watch.from..=watch.upto);
    let events = changes.flat_map(|(_, change)| &change.events);
    events.filter(|event| watch.range.contains(&event.kv.key)).collect()
}
