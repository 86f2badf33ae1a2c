//! Reading ranges, now and at old revisions.
//!
//! Place: shared by reads from outside, reads inside transactions and compares. Pure over a view.

use crate::db::{Family, Step, View};
use crate::layout::{
    Change, Current, cur_bounds, damaged, decode_current, decode_kv, decode_pointer, idx_after,
    idx_bounds, idx_key, parse_idx_key, rev_key,
};
use crate::meta::Meta;
use crate::{Error, layout};
use bytes::Bytes;
use quorate_seams::bug;
use quorate_store::{Error as Refusal, KeyRange, KeyValue, RangeRequest, RangeResponse};
use quorate_types::Revision;

/// Decides at which revision to read; `None` is the current one.
///
/// # Errors
/// The key is empty, the revision is compacted or in the future.
pub(crate) fn check(request: &RangeRequest, meta: &Meta) -> Result<Option<Revision>, Refusal> {
    check_range(&request.range)?;
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

/// # Errors
/// The key is empty.
pub(crate) fn check_range(range: &KeyRange) -> Result<(), Refusal> {
    match range {
        KeyRange::Key(key) if key.is_empty() => Err(Refusal::EmptyKey),
        _ => Ok(()),
    }
}

/// Reads a checked request.
pub(crate) fn range(
    view: &dyn View,
    request: &RangeRequest,
    at: Option<Revision>,
    revision: Revision,
) -> Result<RangeResponse, Error> {
    let mut found = Found { request, response: RangeResponse { revision, ..Default::default() } };
    match at {
        None => scan_current(view, &request.range, &mut |key, value| {
            found.take(|| Ok(decode_current(Bytes::copy_from_slice(value), key)?.kv))
        })?,
        Some(at) => scan_past(view, &request.range, at, &mut |change| {
            found.take(|| changed(view, change)).map(|()| Step::Next)
        })?,
    }
    let mut response = found.response;
    let returned = u64::try_from(response.kvs.len()).unwrap_or(u64::MAX);
    response.more = !request.count_only && returned < response.count;
    if bug("mvcc-forgets-more") {
        response.more = false;
    }
    Ok(response)
}

struct Found<'a> {
    request: &'a RangeRequest,
    response: RangeResponse,
}

impl Found<'_> {
    fn take(&mut self, kv: impl FnOnce() -> Result<KeyValue, Error>) -> Result<(), Error> {
        self.response.count += 1;
        let full = self.request.limit > 0 && self.response.kvs.len() >= self.request.limit;
        if self.request.count_only || full {
            return Ok(());
        }
        let mut kv = kv()?;
        if self.request.keys_only {
            kv.value = Bytes::new();
        }
        self.response.kvs.push(kv);
        Ok(())
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
        let (key, main) = parse_idx_key(bytes)?;
        if main > at && !(bug("mvcc-past-read-sees-the-future") && main == at.next()) {
            return Ok(Step::Seek(idx_key(&key, at)));
        }
        let pointer = decode_pointer(main, value, bytes)?;
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
    view.scan(Family::Idx, &idx_key(key, at), Some(&idx_after(key)), &mut |bytes, value| {
        let (_, main) = parse_idx_key(bytes)?;
        found = Some(decode_pointer(main, value, bytes)?);
        Ok(Step::Stop)
    })?;
    Ok(found)
}

/// The key as a change left it.
pub(crate) fn changed(view: &dyn View, change: Change) -> Result<KeyValue, Error> {
    let key = rev_key(change, false);
    let value = view.value(Family::Rev, &key)?;
    decode_kv(value.ok_or_else(|| damaged("a revision missing", &key))?, &key)
}
