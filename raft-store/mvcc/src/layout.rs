//! The bytes of keys and values in the database.
//!
//! Place: below everything that reads or writes the state; pure.
//!
//! Invariants: revision keys and key-value bytes are etcd's (`mvccpb.KeyValue`); the order of
//! encoded keys is the order of what they encode, so that ranges of user keys are ranges of the
//! families `cur` and `idx`.

use crate::db::Family;
use crate::{Error, StoredLease};
use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use quorate_store::{KeyRange, KeyValue};
use quorate_types::{LeaseId, Revision};

/// Position of one change: the revision and the place in it, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) main: Revision,
    pub(crate) sub: u64,
}

/// What `idx` tells about a change of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub(crate) change: Change,
    pub(crate) tombstone: bool,
    /// The change before it since the creation of the key; `None` for the creation.
    pub(crate) before: Option<Change>,
}

/// What `cur` holds: the key and where in its revision it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) sub: u64,
    pub(crate) kv: KeyValue,
}

/// etcd's `mvccpb.KeyValue`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyValueMessage {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: Bytes,
    #[prost(int64, tag = "2")]
    pub(crate) create_revision: i64,
    #[prost(int64, tag = "3")]
    pub(crate) mod_revision: i64,
    #[prost(int64, tag = "4")]
    pub(crate) version: i64,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) value: Bytes,
    #[prost(int64, tag = "6")]
    pub(crate) lease: i64,
}

impl From<KeyValue> for KeyValueMessage {
    fn from(kv: KeyValue) -> Self {
        Self {
            key: kv.key,
            create_revision: kv.create_revision.0,
            mod_revision: kv.mod_revision.0,
            version: kv.version,
            value: kv.value,
            lease: kv.lease.0,
        }
    }
}

impl From<KeyValueMessage> for KeyValue {
    fn from(message: KeyValueMessage) -> Self {
        Self {
            key: message.key,
            value: message.value,
            create_revision: Revision(message.create_revision),
            mod_revision: Revision(message.mod_revision),
            version: message.version,
            lease: LeaseId(message.lease),
        }
    }
}

/// etcd's revision key: main, underscore, sub, and a `t` for a deletion.
pub(crate) fn rev_key(change: Change, tombstone: bool) -> Vec<u8> {
    // No larger than needed, so that it becomes `Bytes` as it is.
    let mut key = Vec::with_capacity(17 + usize::from(tombstone));
    key.put_i64(change.main.0);
    key.put_u8(b'_');
    key.put_u64(change.sub);
    if tombstone {
        key.put_u8(b't');
    }
    key
}

/// The first possible revision key of a revision.
pub(crate) fn rev_start(revision: Revision) -> Vec<u8> {
    revision.0.to_be_bytes().to_vec()
}

pub(crate) fn parse_rev_key(bytes: &[u8]) -> Result<(Change, bool), Error> {
    let damaged = || damaged("a revision key", bytes);
    let mut rest = bytes;
    let main = Revision(rest.try_get_i64().map_err(|_| damaged())?);
    let separator = rest.try_get_u8().map_err(|_| damaged())?;
    let sub = rest.try_get_u64().map_err(|_| damaged())?;
    let tombstone = match (separator, rest) {
        (b'_', b"") => false,
        (b'_', b"t") => true,
        _ => return Err(damaged()),
    };
    Ok((Change { main, sub }, tombstone))
}

/// The bytes that etcd stores for a deletion: the key alone.
pub(crate) fn encode_tombstone(key: &Bytes) -> Bytes {
    KeyValueMessage { key: key.clone(), ..KeyValueMessage::default() }.encode_to_vec().into()
}

pub(crate) fn decode_kv(value: Bytes, key: &[u8]) -> Result<KeyValue, Error> {
    KeyValueMessage::decode(value).map(KeyValue::from).map_err(|_| damaged("a key-value pair", key))
}

/// What `cur` holds; behind the first [`CURRENT_HEAD`] bytes it is what `rev` holds.
pub(crate) fn encode_current(sub: u64, kv: KeyValue) -> Bytes {
    let message = KeyValueMessage::from(kv);
    let mut bytes = Vec::with_capacity(CURRENT_HEAD + message.encoded_len());
    bytes.put_u64(sub);
    message.encode_raw(&mut bytes);
    bytes.into()
}

/// Bytes before the key-value pair in `cur`.
pub(crate) const CURRENT_HEAD: usize = 8;

pub(crate) fn decode_current(mut value: Bytes, key: &[u8]) -> Result<Current, Error> {
    let sub = value.try_get_u64().map_err(|_| damaged("a current value", key))?;
    Ok(Current { sub, kv: decode_kv(value, key)? })
}

/// User key, terminated so that order is kept (0 becomes 0 ff, the end is 0 1), then the inverted
/// change: newest first. One revision may change a key twice: a nested transaction may delete what
/// an earlier one has put.
pub(crate) fn idx_key(key: &[u8], change: Change) -> Vec<u8> {
    let mut bytes = escape(key, 18);
    bytes.put_slice(&[0, 1]);
    bytes.put_i64(i64::MAX - change.main.0);
    bytes.put_u64(u64::MAX - change.sub);
    bytes
}

/// At or below the newest change of a key at a revision.
pub(crate) fn idx_newest(key: &[u8], at: Revision) -> Vec<u8> {
    idx_key(key, Change { main: at, sub: u64::MAX })
}

/// Above every revision of the key, below the next key.
pub(crate) fn idx_after(key: &[u8]) -> Vec<u8> {
    let mut bytes = escape(key, 2);
    bytes.put_slice(&[0, 2]);
    bytes
}

pub(crate) fn parse_idx_key(bytes: &[u8]) -> Result<(Bytes, Change), Error> {
    let damaged = || damaged("an index key", bytes);
    let end = bytes.len().checked_sub(18).ok_or_else(damaged)?;
    let (escaped, mut tail) = bytes.split_at(end);
    if tail.get_u16() != 1 {
        return Err(damaged());
    }
    let main = i64::MAX.checked_sub(tail.get_i64()).map(Revision).ok_or_else(damaged)?;
    let change = Change { main, sub: u64::MAX - tail.get_u64() };
    let mut key = Vec::with_capacity(escaped.len());
    let mut rest = escaped.iter();
    while let Some(byte) = rest.next() {
        if *byte == 0 && rest.next() != Some(&0xff) {
            return Err(damaged());
        }
        key.push(*byte);
    }
    Ok((key.into(), change))
}

/// Every zero byte followed by ff; with room for so many bytes behind it, and for no more.
fn escape(key: &[u8], room: usize) -> Vec<u8> {
    let zeros = key.iter().filter(|byte| **byte == 0).count();
    let mut bytes = Vec::with_capacity(key.len() + zeros + room);
    if zeros == 0 {
        bytes.put_slice(key);
        return bytes;
    }
    for byte in key {
        bytes.push(*byte);
        if *byte == 0 {
            bytes.push(0xff);
        }
    }
    bytes
}

pub(crate) fn encode_pointer(pointer: Pointer) -> Bytes {
    let mut bytes = Vec::with_capacity(if pointer.before.is_some() { 17 } else { 1 });
    bytes.put_u8(u8::from(pointer.tombstone));
    if let Some(before) = pointer.before {
        bytes.put_i64(before.main.0);
        bytes.put_u64(before.sub);
    }
    bytes.into()
}

pub(crate) fn decode_pointer(
    change: Change,
    mut value: &[u8],
    key: &[u8],
) -> Result<Pointer, Error> {
    let mut parse = || {
        let tombstone = value.try_get_u8().ok()? == 1;
        let before = if value.is_empty() {
            None
        } else {
            let main = Revision(value.try_get_i64().ok()?);
            Some(Change { main, sub: value.try_get_u64().ok()? })
        };
        value.is_empty().then_some(Pointer { change, tombstone, before })
    };
    parse().ok_or_else(|| damaged("an index entry", key))
}

/// Key of a lease in the family `lease`.
pub(crate) fn lease_key(id: LeaseId) -> Vec<u8> {
    lease_bytes(b'l', id)
}

/// Key of an attachment: lease, then user key.
pub(crate) fn attachment_key(id: LeaseId, key: &[u8]) -> Vec<u8> {
    let mut bytes = lease_bytes(b'a', id);
    bytes.put_slice(key);
    bytes
}

/// Offset of the user key in an attachment's key.
pub(crate) const ATTACHED: usize = 9;

fn lease_bytes(tag: u8, id: LeaseId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9);
    bytes.put_u8(tag);
    // Flipping the sign bit makes byte order the order of numbers.
    bytes.put_i64(id.0 ^ i64::MIN);
    bytes
}

pub(crate) fn parse_lease_key(mut bytes: &[u8]) -> Result<LeaseId, Error> {
    let whole = bytes;
    let damaged = || damaged("a lease", whole);
    bytes.try_get_u8().map_err(|_| damaged())?;
    bytes.try_get_i64().map(|id| LeaseId(id ^ i64::MIN)).map_err(|_| damaged())
}

/// The time to live, then what a checkpoint left of it unless that is all of it.
pub(crate) fn encode_lease(lease: StoredLease) -> Bytes {
    let mut bytes = Vec::with_capacity(16);
    bytes.put_i64(lease.ttl_seconds);
    if lease.remaining_seconds != 0 {
        bytes.put_i64(lease.remaining_seconds);
    }
    bytes.into()
}

pub(crate) fn decode_lease(
    id: LeaseId,
    mut value: &[u8],
    key: &[u8],
) -> Result<StoredLease, Error> {
    let mut parse = || {
        let ttl_seconds = value.try_get_i64().ok()?;
        let remaining_seconds = if value.is_empty() { 0 } else { value.try_get_i64().ok()? };
        value.is_empty().then_some(StoredLease { id, ttl_seconds, remaining_seconds })
    };
    parse().ok_or_else(|| damaged("a lease's time to live", key))
}

/// Bounds of a range in a family whose keys are user keys.
pub(crate) fn cur_bounds(range: &KeyRange) -> (Vec<u8>, Option<Vec<u8>>) {
    match range {
        KeyRange::Key(key) => (key.to_vec(), Some(successor(key))),
        KeyRange::Span(start, end) => (start.to_vec(), Some(end.to_vec())),
        KeyRange::From(start) => (start.to_vec(), None),
    }
}

/// Bounds of a range in `idx`.
pub(crate) fn idx_bounds(range: &KeyRange) -> (Vec<u8>, Option<Vec<u8>>) {
    match range {
        KeyRange::Key(key) => (terminated(key), Some(idx_after(key))),
        KeyRange::Span(start, end) => (terminated(start), Some(terminated(end))),
        KeyRange::From(start) => (terminated(start), None),
    }
}

/// At or below every revision of the key, above the keys before it.
fn terminated(key: &[u8]) -> Vec<u8> {
    let mut bytes = escape(key, 2);
    bytes.put_slice(&[0, 1]);
    bytes
}

/// The next key in byte order.
fn successor(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.push(0);
    next
}

/// Bounds of the keys that begin with a prefix which does not end in ff.
pub(crate) fn prefix_bounds(prefix: Vec<u8>) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut end = prefix.clone();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return (prefix, Some(end));
        }
    }
    (prefix, None)
}

pub(crate) fn damaged(what: &'static str, key: &[u8]) -> Error {
    Error::Damaged { what, key: key.to_vec() }
}

/// Reads the pointer of one change of a key.
pub(crate) fn pointer(
    view: &dyn crate::db::View,
    key: &[u8],
    change: Change,
) -> Result<Option<Pointer>, Error> {
    let at = idx_key(key, change);
    view.value(Family::Idx, &at)?.map(|value| decode_pointer(change, &value, &at)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user_key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![Just(0u8), Just(1), Just(2), Just(0xff), any::<u8>()],
            0..6,
        )
    }

    fn change() -> impl Strategy<Value = Change> {
        (0..=i64::MAX, any::<u64>()).prop_map(|(main, sub)| Change { main: Revision(main), sub })
    }

    proptest! {
        #[test]
        fn index_keys_order_by_key_and_then_newest_first(
            a in user_key(), b in user_key(), x in change(), y in change()
        ) {
            let expected = a.cmp(&b).then(y.cmp(&x));
            prop_assert_eq!(idx_key(&a, x).cmp(&idx_key(&b, y)), expected);
            let (key, change) = parse_idx_key(&idx_key(&a, x)).unwrap();
            prop_assert_eq!((key.to_vec(), change), (a.clone(), x));
            prop_assert!(idx_newest(&a, x.main) <= idx_key(&a, x));
            prop_assert!(idx_key(&a, x) < idx_after(&a));
            if a < b {
                prop_assert!(idx_after(&a) < idx_newest(&b, y.main));
            }
        }

        #[test]
        fn damaged_bytes_are_errors_not_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_rev_key(&bytes);
            let _ = parse_idx_key(&bytes);
            let _ = parse_lease_key(&bytes);
            let _ = decode_lease(LeaseId(1), &bytes, b"");
            let _ = decode_pointer(Change::default(), &bytes, b"");
            let _ = decode_current(bytes.into(), b"");
        }
    }

    #[test]
    fn revision_keys_are_etcds() {
        let change = Change { main: Revision(258), sub: 3 };
        let plain = rev_key(change, false);
        assert_eq!(plain, b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03");
        assert_eq!(parse_rev_key(&plain).unwrap(), (change, false));
        let tombstone = rev_key(change, true);
        assert_eq!(tombstone, b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03t");
        assert_eq!(parse_rev_key(&tombstone).unwrap(), (change, true));
    }

    #[test]
    fn values_are_etcds_key_value_messages() {
        let kv = KeyValue {
            key: "k".into(),
            value: "v".into(),
            create_revision: Revision(2),
            mod_revision: Revision(300),
            version: 1,
            lease: LeaseId(7),
        };
        let bytes = encode_current(3, kv.clone()).split_off(CURRENT_HEAD);
        assert_eq!(bytes.as_ref(), b"\x0a\x01k\x10\x02\x18\xac\x02\x20\x01\x2a\x01v\x30\x07");
        assert_eq!(decode_kv(bytes, b"").unwrap(), kv);
        assert_eq!(encode_tombstone(&"k".into()).as_ref(), b"\x0a\x01k");
    }
}
