//! Watches that see everything: the main observer writes the history that checkers believe after
//! proving it, and one watcher per member shows that all members tell the same one.

use crate::clients::ask;
use crate::cluster::Cluster;
use crate::history::{Change, History, Moment};
use futures::StreamExt;
use quorate_member::Core;
use quorate_seams::{SharedRandom, timeout};
use quorate_store::{Error, Event, KeyRange, Store, WatchBatch, WatchRequest};
use quorate_types::{MemberId, Revision};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the main observer waits at one member before it tries another.
const PATIENCE: Duration = Duration::from_millis(250);

/// What a watch on a member delivers, and its revisions around the call.
pub(crate) struct Session {
    pub(crate) items: mpsc::UnboundedReceiver<Result<WatchBatch, Error>>,
}

/// Watches on a member, from its host; ends when the member does.
pub(crate) fn watch(cluster: &Cluster, id: MemberId, core: Core, request: WatchRequest) -> Session {
    let (send, items) = mpsc::unbounded_channel();
    drop(cluster.control.spawn_on(crate::net::host_of(id), async move {
        let mut batches = match core.watch(request).await {
            Ok(batches) => batches,
            Err(error) => {
                // Whoever watched may have gone.
                let _ = send.send(Err(error));
                return;
            }
        };
        drop(core);
        while let Some(item) = batches.next().await {
            if send.send(item).is_err() {
                return;
            }
        }
    }));
    Session { items }
}

/// Events in groups of one revision each.
pub(crate) fn by_revision(events: &[Event]) -> impl Iterator<Item = &[Event]> {
    events.chunk_by(|a, b| a.kv.mod_revision == b.kv.mod_revision)
}

/// Follows the whole history, hopping from member to member, until told to stop.
pub(crate) async fn main_observer(
    cluster: Arc<Cluster>,
    history: History,
    random: SharedRandom,
    stop: Arc<AtomicBool>,
) {
    let mut position = Revision(1);
    while !stop.load(Ordering::Relaxed) {
        let Some((id, core, _)) = cluster.any(&*random) else {
            cluster.clock.sleep(Duration::from_millis(10)).await;
            continue;
        };
        let request = WatchRequest::new(KeyRange::all()).from(position.next());
        let request = request.with_prev_kv().with_progress();
        let mut session = watch(&cluster, id, core, request);
        while let Some(Some(item)) = timeout(&*cluster.clock, PATIENCE, session.items.recv()).await
        {
            match item {
                Ok(batch) => position = take(&cluster, &history, position, &batch),
                Err(Error::Compacted { .. }) => {
                    cluster.findings.violation(format!(
                        "the watch from revision {} on member {id} says compacted, but only older revisions were compacted",
                        position.next()
                    ));
                    return;
                }
                Err(_) => break,
            }
        }
        cluster.clock.sleep(Duration::from_millis(1 + random.below(5))).await;
    }
}

fn take(
    cluster: &Cluster,
    history: &History,
    mut position: Revision,
    batch: &WatchBatch,
) -> Revision {
    let seen_at = cluster.control.now();
    let mut recorded = history.lock();
    let seen: Moment = recorded.tick();
    for events in by_revision(&batch.events) {
        let revision = events.first().map_or(Revision::NONE, |event| event.kv.mod_revision);
        if revision != position.next() {
            cluster.findings.violation(format!(
                "the watch of everything goes from revision {position} to {revision}"
            ));
        }
        position = position.max(revision);
        cluster.control.note(position.0.unsigned_abs());
        let events = events.to_vec();
        recorded.changes.entry(revision).or_insert(Change { events, seen, seen_at });
    }
    if batch.revision > position {
        cluster.findings.violation(format!(
            "the watch of everything reports progress to {} but delivered only up to {position}",
            batch.revision
        ));
    }
    position
}

/// Checks openraft's invariants of a member every 10 milliseconds or so until told to stop.
pub(crate) async fn invariants(
    cluster: Arc<Cluster>,
    id: MemberId,
    random: SharedRandom,
    stop: Arc<AtomicBool>,
) {
    while !stop.load(Ordering::Relaxed) {
        cluster.clock.sleep(Duration::from_micros(1000 + random.below(19_000))).await;
        let Some((core, _)) = cluster.core(id) else { continue };
        let asked = async move { Ok(core.consensus().broken_invariant().await) };
        if let Ok(Some(broken)) = ask(&cluster, id, asked).await {
            cluster.findings.violation(format!("consensus of member {id}: {broken}"));
        }
    }
}

/// How far the main observer is.
pub(crate) fn position(history: &History) -> Revision {
    history.lock().changes.keys().next_back().copied().unwrap_or(Revision(1))
}
