//! Watches as clients use them: of a key or a range, from now or from some revision, resumed on any
//! member after an error.

use crate::cluster::Cluster;
use crate::history::{History, WatchRecord};
use crate::observe::{position, watch};
use quorate_seams::{SharedRandom, timeout};
use quorate_store::{Error, KeyRange, Store, WatchBatch, WatchRequest};
use quorate_types::{MemberId, Revision};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a watcher needs.
pub(crate) struct Watcher {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) history: History,
    pub(crate) random: SharedRandom,
    pub(crate) stop: Arc<AtomicBool>,
    /// Watches everything on one member only.
    pub(crate) pinned: Option<MemberId>,
}

impl Watcher {
    /// Watches, one life after the other, until told to stop.
    pub(crate) async fn run(self) {
        let mut life = 0;
        while !self.stop.load(Ordering::Relaxed) {
            self.live(life).await;
            life += 1;
        }
    }

    fn range(&self) -> KeyRange {
        if self.pinned.is_some() {
            return KeyRange::all();
        }
        let key = |n: u64| format!("k{n}").into_bytes();
        let keys = self.cluster.plan.keys;
        match self.random.below(4) {
            0 => KeyRange::prefix("k"),
            1 => KeyRange::all(),
            2 => {
                let from = self.random.below(keys);
                KeyRange::Span(key(from).into(), key(from + 2).into())
            }
            _ => KeyRange::Key(key(self.random.below(keys)).into()),
        }
    }

    /// A first revision: now, or some of the recent past.
    fn from(&self) -> Revision {
        let now = position(&self.history);
        match (self.pinned, self.random.below(4)) {
            (Some(_), _) | (None, 0) => Revision::NONE,
            // The oldest revision that a watch may begin with.
            (None, 1) => self.history.newest_compaction().max(Revision(2)),
            _ => {
                let back = i64::try_from(self.random.below(200)).unwrap_or(0);
                Revision((now.0 - back).max(2))
            }
        }
    }

    fn member(&self) -> Option<(MemberId, quorate_member::Core)> {
        match self.pinned {
            Some(id) => self.cluster.core(id).map(|(core, _)| (id, core)),
            None => self.cluster.any(&*self.random).map(|(id, core, _)| (id, core)),
        }
    }

    /// One watch, resumed over errors until it is compacted away, has lived long enough, or the run
    /// ends.
    async fn live(&self, life: u64) {
        let clock = &*self.cluster.clock;
        let range = self.range();
        let mut from = self.from();
        let progress = self.pinned.is_some() || self.random.below(2) == 0;
        let ends = clock.now() + Duration::from_millis(300 + self.random.below(4000));
        let mut record: Option<WatchRecord> = None;
        while !self.stop.load(Ordering::Relaxed) && (self.pinned.is_some() || clock.now() < ends) {
            let Some((id, core)) = self.member() else {
                clock.sleep(Duration::from_millis(10)).await;
                continue;
            };
            // The first revision of a watch from now is at most the next one after the call.
            let begun = if from == Revision::NONE { core.status().revision.next() } else { from };
            let record = record.get_or_insert_with(|| WatchRecord {
                name: format!("watch {life} of {range:?} from {begun}"),
                range: range.clone(),
                from: begun,
                upto: begun.prev(),
                events: Vec::new(),
            });
            let mut request = WatchRequest::new(range.clone()).from(begun).with_prev_kv();
            request.progress = progress;
            let mut session = watch(&self.cluster, id, core, request);
            let patience = Duration::from_millis(400);
            while !self.stop.load(Ordering::Relaxed) {
                let item = timeout(clock, patience, session.items.recv()).await;
                match item {
                    Some(Some(Ok(batch))) => self.take(record, &batch),
                    Some(Some(Err(Error::Compacted { .. }))) => {
                        let record = record.clone();
                        return self.finish(record);
                    }
                    Some(Some(Err(_)) | None) => break,
                    None if self.pinned.is_none() && clock.now() >= ends => break,
                    None => {}
                }
            }
            from = record.upto.next();
            clock.sleep(Duration::from_millis(1 + self.random.below(20))).await;
        }
        if let Some(record) = record {
            self.finish(record);
        }
    }

    fn take(&self, record: &mut WatchRecord, batch: &WatchBatch) {
        let last = batch.events.last().map_or(batch.revision, |event| event.kv.mod_revision);
        if batch.revision < record.upto || last > batch.revision {
            self.cluster.findings.violation(format!(
                "{}: a batch up to {} with events up to {last} after one up to {}",
                record.name, batch.revision, record.upto
            ));
        }
        let first = batch.events.first().map(|event| event.kv.mod_revision);
        if first.is_some_and(|first| first <= record.upto) {
            self.cluster.findings.violation(format!(
                "{}: an event of revision {first:?} after everything up to {} was delivered",
                record.name, record.upto
            ));
        }
        record.upto = record.upto.max(batch.revision);
        record.events.extend(batch.events.iter().cloned());
    }

    fn finish(&self, record: WatchRecord) {
        self.history.lock().watches.push(record);
    }
}
