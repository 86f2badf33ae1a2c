//! Reading keys.

use crate::{Error, KeyValue};
use bytes::Bytes;
use quorate_types::Revision;
use std::cmp::Ordering;

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

    /// Where the range ends: the first key above it, `None` if there is no end.
    #[must_use]
    pub fn end(&self) -> Option<Bytes> {
        match self {
            Self::Key(key) => {
                let mut next = Vec::with_capacity(key.len() + 1);
                next.extend_from_slice(key);
                next.push(0);
                Some(next.into())
            }
            Self::Span(_, end) => Some(end.clone()),
            Self::From(_) => None,
        }
    }

    /// Bytes of the keys that name it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Key(start) | Self::From(start) => start.len(),
            Self::Span(start, end) => start.len() + end.len(),
        }
    }

    /// Refuses the empty key as a range of one.
    ///
    /// # Errors
    /// [`Error::EmptyKey`].
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Key(key) if key.is_empty() => Err(Error::EmptyKey),
            _ => Ok(()),
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

/// What keys are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortTarget {
    /// The key itself.
    #[default]
    Key,
    /// Number of changes since the creation.
    Version,
    /// Revision of the creation.
    CreateRevision,
    /// Revision of the last change.
    ModRevision,
    /// The value, in byte order.
    Value,
}

/// An order of keys. Equal ones come in byte order of their keys, whichever the direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sort {
    /// What is compared.
    pub target: SortTarget,
    /// The largest first.
    pub descending: bool,
}

impl Sort {
    /// How two keys relate in this order, ties excepted.
    #[must_use]
    pub fn relate(&self, a: &KeyValue, b: &KeyValue) -> Ordering {
        let order = match self.target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::CreateRevision => a.create_revision.cmp(&b.create_revision),
            SortTarget::ModRevision => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        if self.descending { order.reverse() } else { order }
    }
}

/// Revisions that a key must lie between to be returned, bounds included; [`Revision::NONE`] for no
/// bound. What is left out is still counted (etcd's rule).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RevisionFilter {
    /// Oldest last change.
    pub min_mod: Revision,
    /// Newest last change.
    pub max_mod: Revision,
    /// Oldest creation.
    pub min_create: Revision,
    /// Newest creation.
    pub max_create: Revision,
}

impl RevisionFilter {
    /// Whether a key may be returned.
    #[must_use]
    pub fn admits(&self, kv: &KeyValue) -> bool {
        let within = |revision, min, max| {
            (min == Revision::NONE || revision >= min) && (max == Revision::NONE || revision <= max)
        };
        within(kv.mod_revision, self.min_mod, self.max_mod)
            && within(kv.create_revision, self.min_create, self.max_create)
    }
}

/// A read of a range.
///
/// The keys at the revision are counted; those that the filter admits are sorted, cut off at the
/// limit, and returned (etcd's order of things).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest {
    /// Which keys.
    pub range: KeyRange,
    /// At which revision; [`Revision::NONE`] for the current one.
    pub revision: Revision,
    /// At most this many keys; zero for all.
    pub limit: usize,
    /// In which order; `None` for byte order of the keys.
    pub sort: Option<Sort>,
    /// Which of the keys to return.
    pub filter: RevisionFilter,
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
            sort: None,
            filter: RevisionFilter::default(),
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

    /// The same read in another order.
    #[must_use]
    pub fn sorted(mut self, target: SortTarget, descending: bool) -> Self {
        self.sort = Some(Sort { target, descending });
        self
    }

    /// The same read of the keys that a filter admits.
    #[must_use]
    pub fn filtered(mut self, filter: RevisionFilter) -> Self {
        self.filter = filter;
        self
    }

    /// The same read without values.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.keys_only = true;
        self
    }

    /// The same read that only counts.
    #[must_use]
    pub fn count_only(mut self) -> Self {
        self.count_only = true;
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
    /// The keys, in byte order unless asked for otherwise.
    pub kvs: Vec<KeyValue>,
    /// Keys of the range, however many the filter admitted and the limit let through.
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
