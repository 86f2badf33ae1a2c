//! Where the store's keys lie among those of the etcd. Pure.
//!
//! Invariant: a key of the store is below `{root}keys/` on the wire, and nothing else is; what the
//! handles keep for themselves is below `{root}meta/`.

use bytes::Bytes;
use quorate_store::{KeyRange, RequestId};

/// The names under one root.
#[derive(Clone, Debug)]
pub(crate) struct Keyspace {
    prefix: Bytes,
    /// The first key above the prefix.
    end: Bytes,
    meta: String,
}

/// A range as etcd has it: an empty end for one key.
pub(crate) type Wire = (Vec<u8>, Vec<u8>);

impl Keyspace {
    pub(crate) fn new(root: &str) -> Self {
        // "0" comes right after "/".
        let (prefix, end) = (format!("{root}keys/"), format!("{root}keys0"));
        Self { prefix: prefix.into(), end: end.into(), meta: format!("{root}meta/") }
    }

    /// The key that whoever leads holds.
    pub(crate) fn leader(&self) -> String {
        format!("{}leader", self.meta)
    }

    /// The key that remembers a named request.
    pub(crate) fn request(&self, id: RequestId) -> String {
        format!("{}requests/{:032x}", self.meta, id.0)
    }

    pub(crate) fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    pub(crate) fn range(&self, range: &KeyRange) -> Wire {
        match range {
            KeyRange::Key(key) => (self.key(key), Vec::new()),
            KeyRange::Span(start, end) => (self.key(start), self.key(end)),
            KeyRange::From(start) => (self.key(start), self.end.to_vec()),
        }
    }

    /// The store's key of one on the wire; `None` for those of others.
    pub(crate) fn strip(&self, key: &[u8]) -> Option<Bytes> {
        key.strip_prefix(self.prefix.as_ref()).map(Bytes::copy_from_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_below_the_root_what_they_held() {
        let space = Keyspace::new("/a/");
        let keys: Vec<Bytes> = ["\0", "a", "b", "b\0", "zz"]
            .iter()
            .map(|key| Bytes::from_static(key.as_bytes()))
            .collect();
        let ranges = [
            KeyRange::all(),
            KeyRange::Key("b".into()),
            KeyRange::From("b".into()),
            KeyRange::Span("a".into(), "b".into()),
            KeyRange::Span("".into(), "b".into()),
            KeyRange::Span("b".into(), "a".into()),
        ];
        for range in ranges {
            let (start, end) = space.range(&range);
            for key in &keys {
                let wire = space.key(key);
                let within = match end.is_empty() {
                    true => wire == start,
                    false => start <= wire && wire < end,
                };
                assert_eq!(within, range.contains(key), "{key:?} in {range:?}");
            }
            assert!(!(start.as_slice()..end.as_slice()).contains(&&b"/a/meta/leader"[..]));
            assert!(!(start.as_slice()..end.as_slice()).contains(&&b"/b/keys/x"[..]));
        }
    }

    #[test]
    fn only_keys_below_the_root_are_the_stores() {
        let space = Keyspace::new("/a/");
        assert_eq!(space.strip(&space.key(b"k")), Some("k".into()));
        assert_eq!(space.strip(b"/a/meta/leader"), None);
        assert_eq!(space.strip(b"/a/key"), None);
    }
}
