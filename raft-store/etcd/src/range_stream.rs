//! etcd 3.7's `KV.RangeStream`: a range in chunks, so that neither side holds all of it.
//!
//! Invariants: all chunks are of one revision, the one at the start; only the last has a header, the
//! count and whether there is more; the next chunk is read when the reader has taken the one before.

use crate::context::Context;
use crate::convert::{key_value, range_request};
use crate::errors::status;
use crate::proto::etcdserverpb as pb;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use prost::Message;
use quorate_member::Authorized;
use quorate_store::{Consistency, KeyRange, RangeRequest, RangeResponse, RevisionFilter, Store};
use quorate_types::Revision;
use quorate_types::limits::MAX_REQUEST_BYTES;
use tonic::Status;

/// Keys of the first chunk (etcd's rule).
const FIRST_CHUNK: usize = 10;

/// The chunks that answer a request.
pub(crate) type Chunks = BoxStream<'static, Result<pb::RangeStreamResponse, Status>>;

/// Begins to answer.
///
/// # Errors
/// Orders and filters need the whole range at once and are not served in chunks.
pub(crate) fn range_stream(
    context: Context,
    store: Authorized,
    request: pb::RangeRequest,
) -> Result<Chunks, Status> {
    if request.key.is_empty() {
        return Err(status(quorate_store::Error::EmptyKey));
    }
    let order = pb::range_request::SortOrder::None;
    let by_default = request.sort_order == i32::from(order);
    let range = range_request(request)?;
    if range.sort.is_some() && !by_default {
        return Err(Status::unimplemented("RangeStream does not support custom sort orders"));
    }
    if range.filter != RevisionFilter::default() {
        return Err(Status::unimplemented("RangeStream does not support revision filters"));
    }
    let reader = Reader::new(context, store, range);
    let chunks = stream::unfold(Some(reader), async |reader| {
        let mut reader = reader?;
        match reader.chunk().await {
            Ok(chunk) => {
                let last = chunk.header.is_some();
                let chunk = pb::RangeStreamResponse { range_response: Some(chunk) };
                Some((Ok(chunk), (!last).then_some(reader)))
            }
            Err(status) => Some((Err(status), None)),
        }
    });
    Ok(chunks.boxed())
}

struct Reader {
    context: Context,
    /// On behalf of the caller, who is judged anew for each piece.
    store: Authorized,
    /// The next piece.
    request: RangeRequest,
    /// Keys that may still be sent; `None` for all.
    left: Option<usize>,
    sent: u64,
    /// The store's revision at the start.
    revision: Option<Revision>,
}

impl Reader {
    fn new(context: Context, store: Authorized, mut request: RangeRequest) -> Self {
        let left = (request.limit > 0).then_some(request.limit);
        request.sort = None;
        request.limit = FIRST_CHUNK.min(left.unwrap_or(FIRST_CHUNK));
        Self { context, store, request, left, sent: 0, revision: None }
    }

    async fn chunk(&mut self) -> Result<pb::RangeResponse, Status> {
        if self.request.count_only {
            let counted = self.store.range(self.request.clone()).await.map_err(status)?;
            return Ok(self.last(counted.revision, counted.count, false));
        }
        let found = self.store.page(self.request.clone()).await.map_err(status)?;
        let revision = *self.revision.get_or_insert(found.revision);
        self.pin(revision);
        self.sent += found.count;
        self.left = self.left.map(|left| left.saturating_sub(found.kvs.len()));
        let RangeResponse { kvs, more, .. } = found;
        let next = kvs.last().map(|last| after(&last.key)).filter(|_| more);
        let mut chunk = match next {
            Some(next) if self.left != Some(0) => {
                self.request.range = from(next, &self.request.range);
                pb::RangeResponse::default()
            }
            Some(next) => {
                let rest = self.count(from(next, &self.request.range)).await?;
                self.last(revision, self.sent + rest, true)
            }
            None => self.last(revision, self.sent, false),
        };
        chunk.kvs = kvs.into_iter().map(key_value).collect();
        self.adjust(chunk.encoded_len());
        Ok(chunk)
    }

    /// Later pieces are of the same revision, which is applied here.
    fn pin(&mut self, revision: Revision) {
        if self.request.revision == Revision::NONE {
            self.request.revision = revision;
        }
        self.request.consistency = Consistency::Serializable;
    }

    fn last(&self, revision: Revision, count: u64, more: bool) -> pb::RangeResponse {
        pb::RangeResponse {
            header: Some(self.context.header(revision)),
            kvs: Vec::new(),
            more,
            count: i64::try_from(count).unwrap_or(i64::MAX),
        }
    }

    async fn count(&self, rest: KeyRange) -> Result<u64, Status> {
        let count = RangeRequest::new(rest).at(self.request.revision).serializable().count_only();
        Ok(self.store.range(count).await.map_err(status)?.count)
    }

    /// Chunks are to be about as large as the largest request (etcd's rule).
    fn adjust(&mut self, bytes: usize) {
        let limit = next_limit(self.request.limit, bytes, MAX_REQUEST_BYTES);
        self.request.limit = limit.min(self.left.unwrap_or(limit)).max(1);
    }
}

fn next_limit(limit: usize, bytes: usize, target: usize) -> usize {
    match bytes {
        bytes if bytes < target / 2 => limit.saturating_mul(2),
        bytes if bytes > target * 2 => limit / 2,
        _ => limit,
    }
    .max(1)
}

fn after(key: &Bytes) -> Bytes {
    [key, &b"\0"[..]].concat().into()
}

/// The rest of a range.
fn from(next: Bytes, range: &KeyRange) -> KeyRange {
    match range.end() {
        Some(end) => KeyRange::Span(next, end),
        None => KeyRange::From(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_and_shrink_towards_their_size() {
        assert_eq!(next_limit(10, 40, 100), 20);
        assert_eq!(next_limit(10, 50, 100), 10);
        assert_eq!(next_limit(10, 200, 100), 10);
        assert_eq!(next_limit(10, 201, 100), 5);
        assert_eq!(next_limit(1, 1000, 100), 1);
    }

    #[test]
    fn the_rest_of_a_range_ends_where_the_range_does() {
        let next = after(&Bytes::from_static(b"a"));
        let span = KeyRange::Span("a".into(), "c".into());
        assert_eq!(from(next.clone(), &span), KeyRange::Span("a\0".into(), "c".into()));
        assert_eq!(from(next, &KeyRange::From("a".into())), KeyRange::From("a\0".into()));
    }
}
