//! What one member has done and where it stands, as numbers, and as text for Prometheus.
//!
//! Invariants: counters only grow while the member runs and begin at zero with every start; nothing
//! here is replicated, and reading it asks no other member.

use crate::member_core::{Core, Inner};
use quorate_raft::{Follower, SnapshotTraffic};
use quorate_seams::spawn_blocking;
use quorate_store::{Certainty, Error, Status, Store};
use quorate_types::LogIndex;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the histogram's buckets: 0.25 ms, doubled up to 8.192 s.
const BUCKETS: usize = 16;
const FIRST_BUCKET_MICROS: u64 = 250;

/// How long something took, counted in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Upper bound, and how many took at most so long and longer than the bound before.
    pub buckets: Vec<(Duration, u64)>,
    /// How many took longer than the last bound.
    pub longer: u64,
    /// All times together.
    pub sum: Duration,
}

impl Histogram {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum::<u64>() + self.longer
    }
}

/// What came of one kind of request made to this member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Served, refusals of the state included.
    pub served: u64,
    /// Failed, and have certainly had no effect.
    pub failed: u64,
    /// Failed, and may have had one.
    pub unknown: u64,
    /// How long they took, failures included.
    pub took: Histogram,
}

/// One member at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Who leads, in which term, and the revisions.
    pub status: Status,
    /// The last entry of the raft log.
    pub last_index: LogIndex,
    /// The last entry that the state has applied.
    pub applied_index: LogIndex,
    /// What the raft log has written.
    pub log: quorate_log::Stats,
    /// What travelled of snapshots.
    pub snapshots: SnapshotTraffic,
    /// Bytes of the state, on disk and in buffers.
    pub state_bytes: u64,
    /// The quota that they are held to.
    pub quota_bytes: u64,
    /// Alarms that are raised, on any member.
    pub alarms: usize,
    /// Watches that are open.
    pub watches: usize,
    /// Everything that goes through the log.
    pub writes: Requests,
    /// Linearizable and serializable reads.
    pub reads: Requests,
    /// How far the others are; empty unless this member leads.
    pub followers: Vec<Follower>,
}

#[derive(Debug, Default)]
struct Times {
    buckets: [AtomicU64; BUCKETS],
    longer: AtomicU64,
    micros: AtomicU64,
}

impl Times {
    fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        let bucket = (0..BUCKETS).find(|at| micros <= FIRST_BUCKET_MICROS << at);
        let counter = bucket.map_or(&self.longer, |at| &self.buckets[at]);
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn so_far(&self) -> Histogram {
        let bound = |at: usize| Duration::from_micros(FIRST_BUCKET_MICROS << at);
        let bucket = |at: usize| (bound(at), self.buckets[at].load(Ordering::Relaxed));
        Histogram {
            buckets: (0..BUCKETS).map(bucket).collect(),
            longer: self.longer.load(Ordering::Relaxed),
            sum: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        }
    }
}

/// Counts one kind of request.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    served: AtomicU64,
    failed: AtomicU64,
    unknown: AtomicU64,
    took: Times,
}

impl Counter {
    pub(crate) fn add<T>(&self, result: &Result<T, Error>, took: Duration) {
        let counter = match result {
            Err(error) if error.is_transient() || matches!(error, Error::Fatal { .. }) => {
                match error.certainty() {
                    Certainty::Unknown => &self.unknown,
                    Certainty::DefinitelyNot => &self.failed,
                }
            }
            _ => &self.served,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.took.add(took);
    }

    fn so_far(&self) -> Requests {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Requests {
            served: read(&self.served),
            failed: read(&self.failed),
            unknown: read(&self.unknown),
            took: self.took.so_far(),
        }
    }
}

/// The counters of a member.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) writes: Counter,
    pub(crate) reads: Counter,
}

impl Inner {
    /// Counts what a request comes to.
    pub(crate) async fn counted<T>(
        &self,
        counter: &Counter,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let begin = self.seams.clock.now();
        let result = request.await;
        counter.add(&result, self.seams.clock.now() - begin);
        result
    }
}

impl Core {
    /// Counters and position of this member.
    ///
    /// # Errors
    /// The member has stopped, or its database failed.
    pub async fn metrics(&self) -> Result<Metrics, Error> {
        let inner = &self.inner;
        let state = inner.state()?;
        let alarms = state.alarms().len();
        let size = spawn_blocking(move || state.size()).await;
        let panicked = || Error::Fatal { reason: "asking for the size panicked".to_owned() };
        Ok(Metrics {
            status: self.status(),
            last_index: self.log().state().last.map(|id| id.index).unwrap_or_default(),
            applied_index: inner.consensus.applied().borrow().unwrap_or_default(),
            log: self.log().stats(),
            snapshots: inner.consensus.snapshot_traffic(),
            state_bytes: size.ok_or_else(panicked)??,
            quota_bytes: inner.quota_bytes,
            alarms,
            watches: inner.watches.count(),
            writes: inner.counters.writes.so_far(),
            reads: inner.counters.reads.so_far(),
            followers: inner.consensus.followers(),
        })
    }
}

impl Metrics {
    /// As Prometheus reads it; every name begins with `quorate_`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = Text(String::new());
        let leads = self.status.leading().is_some();
        text.value("has_leader", "gauge", u64::from(self.status.leader.is_some()));
        text.value("is_leader", "gauge", u64::from(leads));
        text.value("term", "gauge", self.status.term.0);
        text.value("revision", "gauge", self.status.revision.0.unsigned_abs());
        text.value("compacted_revision", "gauge", self.status.compacted.0.unsigned_abs());
        text.value("log_last_index", "gauge", self.last_index.0);
        text.value("log_applied_index", "gauge", self.applied_index.0);
        text.value("log_syncs_total", "counter", self.log.syncs);
        text.value("log_bytes_total", "counter", self.log.bytes);
        text.value("log_entries_total", "counter", self.log.entries);
        text.value("log_queued_bytes", "gauge", self.log.queued_bytes as u64);
        text.value("snapshots_sent_total", "counter", self.snapshots.sent);
        text.value("snapshot_sent_bytes_total", "counter", self.snapshots.sent_bytes);
        text.value("snapshots_received_total", "counter", self.snapshots.received);
        text.value("snapshot_received_bytes_total", "counter", self.snapshots.received_bytes);
        text.value("snapshot_reused_bytes_total", "counter", self.snapshots.reused_bytes);
        text.value("state_bytes", "gauge", self.state_bytes);
        text.value("quota_bytes", "gauge", self.quota_bytes);
        text.value("alarms", "gauge", self.alarms as u64);
        text.value("watches", "gauge", self.watches as u64);
        text.requests("writes", &self.writes);
        text.requests("reads", &self.reads);
        text.followers(&self.followers);
        text.0
    }
}

struct Text(String);

impl Text {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn value(&mut self, name: &str, kind: &str, value: u64) {
        self.line(format_args!("# TYPE quorate_{name} {kind}"));
        self.line(format_args!("quorate_{name} {value}"));
    }

    fn requests(&mut self, name: &str, requests: &Requests) {
        self.line(format_args!("# TYPE quorate_{name}_total counter"));
        let outcomes = [
            ("served", requests.served),
            ("failed", requests.failed),
            ("unknown", requests.unknown),
        ];
        for (outcome, count) in outcomes {
            self.line(format_args!("quorate_{name}_total{{outcome=\"{outcome}\"}} {count}"));
        }
        let name = format!("quorate_{name}_duration_seconds");
        self.line(format_args!("# TYPE {name} histogram"));
        let mut below = 0;
        for (bound, count) in &requests.took.buckets {
            below += count;
            self.line(format_args!("{name}_bucket{{le=\"{}\"}} {below}", bound.as_secs_f64()));
        }
        let (count, sum) = (requests.took.count(), requests.took.sum.as_secs_f64());
        self.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}"));
        self.line(format_args!("{name}_sum {sum}"));
        self.line(format_args!("{name}_count {count}"));
    }

    fn followers(&mut self, followers: &[Follower]) {
        self.line(format_args!("# TYPE quorate_follower_matched_index gauge"));
        for Follower { id, matched, .. } in followers {
            let matched = matched.unwrap_or_default();
            self.line(format_args!("quorate_follower_matched_index{{member=\"{id}\"}} {matched}"));
        }
        self.line(format_args!("# TYPE quorate_follower_silent_seconds gauge"));
        for Follower { id, silent, .. } in followers {
            if let Some(silent) = silent {
                self.line(format_args!(
                    "quorate_follower_silent_seconds{{member=\"{id}\"}} {}",
                    silent.as_secs_f64()
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_times_are_counted_where_they_belong() {
        let counter = Counter::default();
        counter.add(&Ok(()), Duration::from_micros(250));
        counter.add::<()>(&Err(Error::EmptyKey), Duration::from_micros(251));
        counter.add::<()>(&Err(Error::unavailable("no leader")), Duration::from_secs(9));
        counter.add::<()>(&Err(Error::Timeout), Duration::ZERO);
        let found = counter.so_far();
        assert_eq!((found.served, found.failed, found.unknown), (2, 1, 1));
        let counts: Vec<u64> = found.took.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!((counts[0], counts[1], found.took.longer, found.took.count()), (2, 1, 1, 4));
        assert_eq!(found.took.sum, Duration::from_micros(9_000_501));
    }
}
