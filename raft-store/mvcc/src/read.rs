//! Reading ranges, now and at old revisions.
//!
//! Place: shared by reads from outside, reads inside transactions and compares. Pure over a view.

use crate::db::{Family, Step, View};
use crate::layout::{
    Change, Current, cur_bounds, damaged, decode_current, decode_kv, decode_pointer, idx_after,
    idx_bounds, idx_newest, parse_idx_key, rev_key,
};
use crate::meta::Meta;
use crate::{Error, layout};
use bytes::Bytes;
use quorate_seams::bug;
use quorate_store::{
    Error as Refusal, KeyRange, KeyValue, RangeRequest, RangeResponse, SortTarget,
};
use quorate_types::Revision;

/// Decides at which revision to read; `None` is the current one.
///
/// # Errors
/// The key is empty, the revision is compacted or in the future.
pub(crate) fn check(request: &RangeRequest, meta: &Meta) -> Result<Option<Revision>, Refusal> {
    request.range.check()?;
    let requested = request.revision;
    if requested <= Revision::NONE {
        return Ok(None);
    }
    if requested > meta.revision {
        return Err(Refusal::FutureRevision { requested, current: meta.revision });
    }
    if requested < meta.compacted {
        return Err(Refusal::Compacted { requested, compacted: meta.compacted });
    }
    Ok((requested < meta.revision).then_some(requested))
}

/// Reads a checked request.
pub(crate) fn range(
    view: &dyn View,
    request: &RangeRequest,
    at: Option<Revision>,
    revision: Revision,
) -> Result<RangeResponse, Error> {
    let mut found = Found { request, kvs: Vec::new(), count: 0 };
    match at {
        None => scan_current(view, &request.range, &mut |key, value| {
            found.take(|| Ok(decode_current(Bytes::copy_from_slice(value), key)?.kv))
        })?,
        Some(at) => scan_past(view, &request.range, at, &mut |change| {
            found.take(|| changed(view, change)).map(|()| Step::Next)
        })?,
    }
    let mut response = found.finish(revision);
    if bug("mvcc-forgets-more") {
        response.more = false;
    }
    Ok(response)
}

/// The keys of a range as they are found, in byte order. Holds about as many as are asked for.
struct Found<'a> {
    request: &'a RangeRequest,
    kvs: Vec<KeyValue>,
    count: u64,
}

impl Found<'_> {
    fn take(&mut self, kv: impl FnOnce() -> Result<KeyValue, Error>) -> Result<(), Error> {
        self.count += 1;
        let request = self.request;
        if request.count_only || (request.sort.is_none() && self.kvs.len() >= self.enough()) {
            return Ok(());
        }
        let mut kv = kv()?;
        if !request.filter.admits(&kv) {
            return Ok(());
        }
        let by_value = request.sort.is_some_and(|sort| sort.target == SortTarget::Value);
        if request.keys_only && !by_value {
            kv.value = Bytes::new();
        }
        self.kvs.push(kv);
        // Sorting now and then keeps the first ones without keeping all.
        if request.sort.is_some() && self.kvs.len() / 2 >= self.enough().max(512) {
            self.sort();
            self.kvs.truncate(self.enough());
        }
        Ok(())
    }

    /// One more than asked for tells that there are more.
    fn enough(&self) -> usize {
        match self.request.limit {
            0 => usize::MAX,
            limit => limit.saturating_add(1),
        }
    }

    /// Stable: ties stay in byte order.
    fn sort(&mut self) {
        if let Some(sort) = self.request.sort {
            self.kvs.sort_by(|a, b| sort.relate(a, b));
        }
    }

    fn finish(mut self, revision: Revision) -> RangeResponse {
        self.sort();
        let more = self.kvs.len() >= self.enough();
        if more {
            self.kvs.truncate(self.request.limit);
        }
        if self.request.keys_only {
            self.kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
        }
        RangeResponse { revision, kvs: self.kvs, count: self.count, more }
    }
}

/// The latest live value of a key.
pub(crate) fn current(view: &dyn View, key: &[u8]) -> Result<Option<Current>, Error> {
    view.value(Family::Cur, key)?.map(|value| decode_current(value, key)).transpose()
}

/// The latest live values of a range.
pub(crate) fn currents(view: &dyn View, range: &KeyRange) -> Result<Vec<Current>, Error> {
    let mut found = Vec::new();
    scan_current(view, range, &mut |key, value| {
        found.push(decode_current(Bytes::copy_from_slice(value), key)?);
        Ok(())
    })?;
    Ok(found)
}

type VisitCurrent<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Error> + 'a;

fn scan_current(
    view: &dyn View,
    range: &KeyRange,
    visit: &mut VisitCurrent<'_>,
) -> Result<(), Error> {
    if let KeyRange::Key(key) = range {
        return view.value(Family::Cur, key)?.map_or(Ok(()), |value| visit(key, &value));
    }
    let (start, end) = cur_bounds(range);
    view.scan(Family::Cur, &start, end.as_deref(), &mut |key, value| {
        visit(key, value).map(|()| Step::Next)
    })
}

/// Visits the change that each key of a range had last at a revision, unless it was a deletion,
/// until told to stop.
pub(crate) fn scan_past(
    view: &dyn View,
    range: &KeyRange,
    at: Revision,
    visit: &mut dyn FnMut(Change) -> Result<Step, Error>,
) -> Result<(), Error> {
    let (start, end) = idx_bounds(range);
    view.scan(Family::Idx, &start, end.as_deref(), &mut |bytes, value| {
        let (key, change) = parse_idx_key(bytes)?;
        let future = bug("mvcc-past-read-sees-the-future") && change.main == at.next();
        if change.main > at && !future {
            return Ok(Step::Seek(idx_newest(&key, at)));
        }
        let pointer = decode_pointer(change, value, bytes)?;
        if !pointer.tombstone && visit(pointer.change)? == Step::Stop {
            return Ok(Step::Stop);
        }
        Ok(Step::Seek(idx_after(&key)))
    })
}

/// The last change of a key at a revision, be it a deletion.
pub(crate) fn last_change(
    view: &dyn View,
    key: &[u8],
    at: Revision,
) -> Result<Option<layout::Pointer>, Error> {
    let mut found = None;
    view.scan(Family::Idx, &idx_newest(key, at), Some(&idx_after(key)), &mut |bytes, value| {
        let (_, change) = parse_idx_key(bytes)?;
        found = Some(decode_pointer(change, value, bytes)?);
        Ok(Step::Stop)
    })?;
    Ok(found)
}

/// Whether a change is the last one of its key at a revision.
pub(crate) fn is_last(
    view: &dyn View,
    key: &[u8],
    change: Change,
    at: Revision,
) -> Result<bool, Error> {
    Ok(last_change(view, key, at)?.is_some_and(|last| last.change == change))
}

/// The key as a change left it.
pub(crate) fn changed(view: &dyn View, change: Change) -> Result<KeyValue, Error> {
    let key = rev_key(change, false);
    let value = view.value(Family::Rev, &key)?;
    decode_kv(value.ok_or_else(|| damaged("a revision missing", &key))?, &key)
}
