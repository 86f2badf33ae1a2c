//! A checksum of the history that can be compared between members, and with a real etcd.
//!
//! CRC-32C over the word `key` and then every revision key and value up to a revision, in order,
//! as etcd's `HashKV` computes it. The sweep of a compaction may still be under way, and etcd's may
//! have kept a little more or less than ours: what counts is decided by the rules of etcd's finished
//! compaction, not by what happens to be stored.

use crate::Error;
use crate::db::{Family, Step, View};
use crate::layout::{Change, decode_kv, parse_rev_key, rev_start};
use crate::meta::Meta;
use crate::read;
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
                (!tombstone || change.main == compacted) && is_last(view, &key, change, compacted)?
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

fn is_last(view: &dyn View, key: &[u8], change: Change, at: Revision) -> Result<bool, Error> {
    Ok(read::last_change(view, key, at)?.is_some_and(|last| last.change == change))
}
