//! Reading a range piece by piece: a piece stops where it is full, so that all of them together read
//! every key once.
//!
//! Place: beside [`crate::read`], whose reads count the whole range each time.

use crate::Error;
use crate::db::{Family, Step, View};
use crate::layout::{cur_bounds, decode_current};
use crate::read::{changed, scan_past};
use bytes::Bytes;
use quorate_store::{KeyRange, KeyValue, RangeRequest, RangeResponse};
use quorate_types::Revision;

/// The first keys of a checked request, in byte order: no sort, no filter. What it counts is what it
/// returns.
pub(crate) fn page(
    view: &dyn View,
    request: &RangeRequest,
    at: Option<Revision>,
    revision: Revision,
) -> Result<RangeResponse, Error> {
    let mut piece = Piece { request, kvs: Vec::new(), more: false };
    match at {
        None => current(view, &request.range, &mut piece)?,
        Some(at) => {
            scan_past(view, &request.range, at, &mut |change| {
                piece.take(|| changed(view, change))
            })?;
        }
    }
    let count = u64::try_from(piece.kvs.len()).unwrap_or(u64::MAX);
    Ok(RangeResponse { revision, kvs: piece.kvs, count, more: piece.more })
}

fn current(view: &dyn View, range: &KeyRange, piece: &mut Piece<'_>) -> Result<(), Error> {
    let (start, end) = cur_bounds(range);
    view.scan(Family::Cur, &start, end.as_deref(), &mut |key, value| {
        piece.take(|| Ok(decode_current(Bytes::copy_from_slice(value), key)?.kv))
    })
}

struct Piece<'a> {
    request: &'a RangeRequest,
    kvs: Vec<KeyValue>,
    more: bool,
}

impl Piece<'_> {
    fn take(&mut self, kv: impl FnOnce() -> Result<KeyValue, Error>) -> Result<Step, Error> {
        let limit = self.request.limit;
        if limit > 0 && self.kvs.len() >= limit {
            self.more = true;
            return Ok(Step::Stop);
        }
        let mut kv = kv()?;
        if self.request.keys_only {
            kv.value = Bytes::new();
        }
        self.kvs.push(kv);
        Ok(Step::Next)
    }
}

#[cfg(test)]
mod tests {
    use crate::{ApplyEntry, Command, EntryKind, MemoryDb, Mvcc, Options};
    use quorate_store::{KeyRange, RangeRequest, Txn};
    use quorate_types::{LogIndex, Revision, Term};
    use std::sync::Arc;

    fn put(mvcc: &Mvcc, index: u64, key: &str) {
        let command = Command::Txn(Txn::put(key.to_owned(), "v")).encode().unwrap();
        let kind = EntryKind::Command(command);
        mvcc.apply(vec![ApplyEntry { index: LogIndex(index), term: Term(1), kind }]).unwrap();
    }

    /// Reads a range in pieces of two keys, as of a revision.
    fn pieces(mvcc: &Mvcc, at: Revision) -> Vec<String> {
        let mut request = RangeRequest::new(KeyRange::all()).limit(2).at(at);
        let mut keys = Vec::new();
        loop {
            let piece = mvcc.page(&request).unwrap();
            assert!(piece.kvs.len() <= 2 && piece.count == piece.kvs.len() as u64);
            keys.extend(piece.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()));
            let Some(last) = piece.kvs.last().filter(|_| piece.more) else { return keys };
            request.range = KeyRange::From([&last.key[..], b"\0"].concat().into());
        }
    }

    #[test]
    fn pieces_of_a_revision_together_are_the_whole() {
        let mvcc = Mvcc::open(Arc::new(MemoryDb::new()), Options::default()).unwrap();
        for (index, key) in (1..).zip(["a", "b", "c", "d", "e"]) {
            put(&mvcc, index, key);
        }
        let all = ["a", "b", "c", "d", "e"];
        assert_eq!(pieces(&mvcc, Revision::NONE), all);
        let then = mvcc.revision();
        put(&mvcc, 6, "bb");
        assert_eq!(pieces(&mvcc, then), all, "what came later is not seen");
        assert_eq!(pieces(&mvcc, Revision(3)), ["a", "b"]);
        let one = mvcc.page(&RangeRequest::key("c").limit(1)).unwrap();
        assert!(one.kvs.len() == 1 && !one.more);
    }
}
