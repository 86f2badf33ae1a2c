//! Events from the history in the database, for watchers that the ring has left behind.

use super::{Published, Pulled};
use crate::Error;
use crate::db::{Family, Step, View};
use crate::layout::{Change, decode_kv, parse_rev_key, pointer, rev_start};
use crate::meta::Meta;
use crate::read::changed;
use bytes::Bytes;
use quorate_seams::bug;
use quorate_store::{Error as Refusal, Event, EventKind, KeyValue};
use quorate_types::Revision;

/// Whole revisions from `next` on, with the previous keys only if asked for, with at least `enough` events, or as many as there are.
pub(crate) fn since(
    view: &dyn View,
    meta: &Meta,
    next: Revision,
    prev_kv: bool,
    enough: usize,
) -> Result<Pulled, Refusal> {
    let Meta { compacted, revision: current, .. } = *meta;
    if next < compacted && !bug("watch-passes-over-compaction") {
        return Err(Refusal::Compacted { requested: next, compacted });
    }
    let mut revisions: Vec<(Revision, Vec<Event>)> = Vec::new();
    let (mut count, mut complete) = (0, current);
    let first = if bug("watch-history-skips-one") { next.next() } else { next };
    view.scan(Family::Rev, &rev_start(first), None, &mut |bytes, value| {
        let (change, tombstone) = parse_rev_key(bytes)?;
        let kv = decode_kv(Bytes::copy_from_slice(value), bytes)?;
        let started = revisions.last().is_some_and(|(revision, _)| *revision == change.main);
        if !started || bug("watch-splits-a-revision") {
            if count >= enough {
                complete = change.main.prev();
                return Ok(Step::Stop);
            }
            if !started {
                revisions.push((change.main, Vec::new()));
            }
        }
        if let Some((_, events)) = revisions.last_mut() {
            events.push(event(view, kv, tombstone, change, prev_kv)?);
            count += 1;
        }
        Ok(Step::Next)
    })?;
    let publish = |(revision, events)| Published::new(revision, events);
    let revisions = revisions.into_iter().map(publish).collect();
    Ok(Pulled { revisions, complete })
}

fn event(
    view: &dyn View,
    kv: KeyValue,
    tombstone: bool,
    change: Change,
    prev_kv: bool,
) -> Result<Event, Error> {
    let pointer = if prev_kv { pointer(view, &kv.key, change)? } else { None };
    let before = pointer.and_then(|pointer| pointer.before);
    let mut prev_kv = before.map(|before| changed(view, before)).transpose()?;
    if bug("watch-forgets-previous-value") {
        prev_kv = None;
    }
    if tombstone {
        // A stored deletion is the key alone.
        let kv = KeyValue { mod_revision: change.main, ..kv };
        return Ok(Event { kind: EventKind::Delete, kv, prev_kv });
    }
    Ok(Event { kind: EventKind::Put, kv, prev_kv })
}
