//! A checksum of the history that can be compared between members, and with a real etcd.
//!
//! CRC-32C over the word `key` and then every revision key and value up to a revision, in order,
//! as etcd's `HashKV` computes it. The sweep of a compaction may still be under way, and etcd's may
//! have kept a little more or less than ours: what counts is decided by the rules of etcd's finished
//! compaction, not by what happens to be stored.
//!
//! Which etcd: releases up to 3.4.33 and 3.5.15 remove a deletion made at exactly the compacted
//! revision, later ones keep it and leave it out of the hash. Ours leaves it out as well, so it
//! equals both kinds once their compaction has finished.

use crate::Error;
use crate::db::{Family, Step, View};
use crate::layout::{decode_kv, parse_rev_key, rev_start};
use crate::meta::Meta;
use crate::read::{self, is_last};
use bytes::Bytes;
use quorate_store::{Error as Refusal, KeyRange};
use quorate_types::Revision;

/// The checksum of the history up to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// CRC-32C.
    pub hash: u32,
    /// The revision up to which it goes.
    pub revision: Revision,
    /// The compaction it was computed under: hashes of different ones differ.
    pub compacted: Revision,
    /// The store's revision.
    pub current: Revision,
}

/// Decides up to which revision to hash.
pub(crate) fn check(requested: Revision, meta: &Meta) -> Result<Revision, Refusal> {
    if requested <= Revision::NONE {
        return Ok(meta.revision);
    }
    if requested < meta.compacted {
        return Err(Refusal::Compacted { requested, compacted: meta.compacted });
    }
    if requested > meta.revision {
        return Err(Refusal::FutureRevision { requested, current: meta.revision });
    }
    Ok(requested)
}

pub(crate) fn hash(view: &dyn View, revision: Revision, meta: &Meta) -> Result<HashKv, Error> {
    let compacted = meta.compacted;
    let any_live = any_live(view, revision)?;
    let mut hash = crc32c::crc32c(b"key");
    let end = rev_start(revision.next());
    view.scan(Family::Rev, &[], Some(&end), &mut |bytes, value| {
        let (change, tombstone) = parse_rev_key(bytes)?;
        let counts = change.main > compacted || {
            let key = decode_kv(Bytes::copy_from_slice(value), bytes)?.key;
            if any_live {
                // Below the watermark, etcd takes only what is live at the hashed revision.
                !tombstone && is_last(view, &key, change, revision)?
            } else {
                // With nothing live it takes all that its compaction has kept.
                !tombstone && is_last(view, &key, change, compacted)?
            }
        };
        if counts {
            hash = crc32c::crc32c_append(crc32c::crc32c_append(hash, bytes), value);
        }
        Ok(Step::Next)
    })?;
    Ok(HashKv { hash, revision, compacted, current: meta.revision })
}

fn any_live(view: &dyn View, revision: Revision) -> Result<bool, Error> {
    let mut any = false;
    read::scan_past(view, &KeyRange::all(), revision, &mut |_| {
        any = true;
        Ok(Step::Stop)
    })?;
    Ok(any)
}

#[cfg(test)]
mod tests {
    use crate::layout::{CURRENT_HEAD, Change, encode_current, encode_tombstone, rev_key};
    use crate::{ApplyEntry, Command, EntryKind, MemoryDb, Mvcc, Options};
    use quorate_store::{KeyValue, Txn};
    use quorate_types::{LogIndex, Revision, Term};
    use std::sync::Arc;

    /// Applies commands, the first at revision 2, and hashes up to the last revision.
    fn hashed(commands: &[Command]) -> u32 {
        let mvcc = Mvcc::open(Arc::new(MemoryDb::new()), Options::default()).unwrap();
        let entries = (1..).zip(commands).map(|(index, command)| ApplyEntry {
            index: LogIndex(index),
            term: Term(1),
            kind: EntryKind::Command(command.encode().unwrap()),
        });
        mvcc.apply(entries.collect()).unwrap();
        mvcc.hash_kv(Revision::NONE).unwrap().hash
    }

    /// The checksum of `key` and these pairs.
    fn checksum(pairs: &[Vec<u8>]) -> u32 {
        crc32c::crc32c(&[b"key".to_vec(), pairs.concat()].concat())
    }

    fn change(main: i64) -> Change {
        Change { main: Revision(main), sub: 0 }
    }

    /// The stored pair of a put whose value is `v`.
    fn stored(key: &'static str, created: i64, main: i64, version: i64) -> Vec<u8> {
        let kv = KeyValue {
            key: key.into(),
            value: "v".into(),
            create_revision: Revision(created),
            mod_revision: Revision(main),
            version,
            ..KeyValue::default()
        };
        [rev_key(change(main), false), encode_current(0, kv)[CURRENT_HEAD..].to_vec()].concat()
    }

    fn tombstone(key: &'static str, main: i64) -> Vec<u8> {
        [rev_key(change(main), true), encode_tombstone(&key.into()).to_vec()].concat()
    }

    fn put(key: &'static str) -> Command {
        Command::Txn(Txn::put(key, "v"))
    }

    fn delete(key: &'static str) -> Command {
        Command::Txn(Txn::delete(key))
    }

    fn compact(revision: i64) -> Command {
        Command::Compact { revision: Revision(revision) }
    }

    #[test]
    fn without_compaction_everything_counts() {
        let all = [stored("a", 2, 2, 1), stored("a", 2, 3, 2), tombstone("a", 4)];
        assert_eq!(hashed(&[put("a"), put("a"), delete("a")]), checksum(&all));
    }

    #[test]
    fn below_the_compaction_only_what_is_live_at_the_hashed_revision_counts() {
        let hash = hashed(&[put("a"), put("b"), put("a"), compact(3)]);
        assert_eq!(hash, checksum(&[stored("b", 3, 3, 1), stored("a", 2, 4, 2)]));
    }

    #[test]
    fn a_deletion_at_the_compacted_revision_does_not_count_while_something_is_live() {
        let hash = hashed(&[put("a"), put("b"), delete("a"), compact(4)]);
        assert_eq!(hash, checksum(&[stored("b", 3, 3, 1)]));
    }

    #[test]
    fn a_deletion_at_the_compacted_revision_does_not_count_when_nothing_is_live() {
        let hash = hashed(&[put("a"), delete("a"), compact(3)]);
        assert_eq!(hash, checksum(&[]));
    }

    #[test]
    fn what_was_live_at_the_compaction_counts_when_nothing_is_live_later() {
        let hash = hashed(&[put("a"), put("b"), delete("b"), compact(4), delete("a")]);
        let kept = [stored("a", 2, 2, 1), tombstone("a", 5)];
        assert_eq!(hash, checksum(&kept));
    }
}
