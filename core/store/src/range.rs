//! Reading keys.

use crate::KeyValue;
use bytes::Bytes;
use quorate_types::Revision;

/// A range of keys in byte order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyRange {
    /// One key.
    Key(Bytes),
    /// All keys from the first, included, to the second, excluded.
    Span(Bytes, Bytes),
    /// All keys from this one on.
    From(Bytes),
}

impl KeyRange {
    /// All keys that begin with a prefix; all keys for the empty prefix.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start: Bytes = prefix.into();
        match prefix_end(&start) {
            Some(end) => Self::Span(start, end),
            None => Self::From(start),
        }
    }

    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self::From(Bytes::new())
    }

    /// Whether a key lies in the range.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            Self::Key(only) => only == key,
            Self::Span(start, end) => start <= key && key < end.as_ref(),
            Self::From(start) => start <= key,
        }
    }

    /// The first key that can lie in the range.
    #[must_use]
    pub fn start(&self) -> &Bytes {
        match self {
            Self::Key(start) | Self::Span(start, _) | Self::From(start) => start,
        }
    }
}

/// The smallest key above every key with the prefix; `None` if there is none.
fn prefix_end(prefix: &[u8]) -> Option<Bytes> {
    let at = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=at].to_vec();
    end[at] += 1;
    Some(end.into())
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// Sees every write that was acknowledged before the read began.
    #[default]
    Linearizable,
    /// What the answering member has applied; may lag, costs no round trip.
    Serializable,
}

/// A read of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest {
    /// Which keys.
    pub range: KeyRange,
    /// At which revision; [`Revision::NONE`] for the current one.
    pub revision: Revision,
    /// At most this many keys; zero for all.
    pub limit: usize,
    /// How fresh.
    pub consistency: Consistency,
    /// Leave the values out.
    pub keys_only: bool,
    /// Leave the keys out too, only count.
    pub count_only: bool,
}

impl RangeRequest {
    /// A linearizable read of a whole range.
    #[must_use]
    pub fn new(range: KeyRange) -> Self {
        Self {
            range,
            revision: Revision::NONE,
            limit: 0,
            consistency: Consistency::Linearizable,
            keys_only: false,
            count_only: false,
        }
    }

    /// A linearizable read of one key.
    pub fn key(key: impl Into<Bytes>) -> Self {
        Self::new(KeyRange::Key(key.into()))
    }

    /// A linearizable read of all keys with a prefix.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        Self::new(KeyRange::prefix(prefix))
    }

    /// The same read at a revision.
    #[must_use]
    pub fn at(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// The same read of at most so many keys.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The same read from what the member has applied.
    #[must_use]
    pub fn serializable(mut self) -> Self {
        self.consistency = Consistency::Serializable;
        self
    }
}

/// The keys of a range at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeResponse {
    /// The store's current revision, also for a read at an older one (etcd's rule).
    pub revision: Revision,
    /// The keys in byte order.
    pub kvs: Vec<KeyValue>,
    /// Matching keys, however many were returned.
    pub count: u64,
    /// Whether the limit left some out.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_covers_its_keys_and_nothing_else() {
        let range = KeyRange::prefix(&b"a\xff"[..]);
        assert_eq!(range, KeyRange::Span(Bytes::from_static(b"a\xff"), Bytes::from_static(b"b")));
        assert!(range.contains(b"a\xff\xff") && !range.contains(b"b") && !range.contains(b"a"));
        assert_eq!(KeyRange::prefix(&b"\xff"[..]), KeyRange::From(Bytes::from_static(b"\xff")));
        assert!(KeyRange::prefix("").contains(b"anything"));
    }
}
