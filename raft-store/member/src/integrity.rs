//! Whether all members hold the same: asked while they serve.

use crate::member_core::Core;
use bytes::Bytes;
use quorate_mvcc::{HashKv, Mvcc};
use quorate_raft::{Consensus, Method};
use quorate_seams::spawn_blocking;
use quorate_store::Error;
use quorate_types::{MemberId, Revision};
use std::collections::BTreeMap;
use std::sync::Weak;

/// The hashes of all members at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrity {
    /// The revision at which they were compared.
    pub revision: Revision,
    /// Per member its hash, or why it could not be asked.
    pub hashes: BTreeMap<MemberId, Result<HashKv, String>>,
}

impl Integrity {
    /// Members whose hash is not that of the member that asked, under the same compaction.
    #[must_use]
    pub fn diverged(&self, asked: MemberId) -> Vec<MemberId> {
        let Some(Ok(own)) = self.hashes.get(&asked) else { return Vec::new() };
        let differs = |other: &&HashKv| other.compacted == own.compacted && other.hash != own.hash;
        let others = self.hashes.iter();
        others
            .filter(|(_, hash)| hash.as_ref().ok().as_ref().is_some_and(differs))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Whether every member was reached and holds the same.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let counts = |hash: &HashKv| (hash.hash, hash.compacted);
        let mut hashes = self.hashes.values().map(|hash| hash.as_ref().ok().map(counts));
        let first = hashes.next().flatten();
        first.is_some() && hashes.all(|hash| hash == first)
    }
}

impl Core {
    /// Asks every member for the hash of its history at this moment's revision. Each reads its whole
    /// history for that, so do it now and then, not in a loop.
    ///
    /// # Errors
    /// No leader could confirm itself, or this member cannot read its own state. What other members
    /// fail at is part of the result.
    pub async fn verify(&self) -> Result<Integrity, Error> {
        self.inner.consensus.read_barrier().await?;
        let revision = self.inner.state()?.revision();
        let mut hashes = BTreeMap::from([(self.id(), Ok(self.hash_kv(revision).await?))]);
        for member in self.members().into_iter().filter(|member| member.id != self.id()) {
            let asked = self.inner.consensus.ask_member(
                member.id,
                &member.addr,
                Method::HashKv,
                Bytes::copy_from_slice(&revision.0.to_le_bytes()),
            );
            let answer = asked.await.map_err(|error| error.to_string());
            let hash = answer.and_then(|bytes| decode(&bytes, revision));
            hashes.insert(member.id, hash);
        }
        Ok(Integrity { revision, hashes })
    }
}

/// Serves another member's question.
pub(crate) async fn serve_hash(
    consensus: &Consensus,
    state: &Weak<Mvcc>,
    body: &Bytes,
) -> Result<Bytes, String> {
    let revision: [u8; 8] = body[..].try_into().map_err(|_| "a revision has 8 bytes".to_owned())?;
    let revision = Revision(i64::from_le_bytes(revision));
    consensus.read_barrier().await.map_err(|error| error.to_string())?;
    let state = state.upgrade().ok_or_else(|| "the member has stopped".to_owned())?;
    let hash = spawn_blocking(move || state.hash_kv(revision)).await;
    let hash = hash.ok_or_else(|| "hashing panicked".to_owned())?;
    Ok(encode(&hash.map_err(|error| error.to_string())?))
}

fn encode(hash: &HashKv) -> Bytes {
    let numbers = [i64::from(hash.hash), hash.compacted.0, hash.current.0];
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>().into()
}

fn decode(bytes: &Bytes, revision: Revision) -> Result<HashKv, String> {
    let wrong = || "a hash has 24 bytes".to_owned();
    let number = |at: usize| -> Result<i64, String> {
        let bytes = bytes.get(at * 8..at * 8 + 8).ok_or_else(wrong)?;
        Ok(i64::from_le_bytes(bytes.try_into().map_err(|_| wrong())?))
    };
    let hash = u32::try_from(number(0)?).map_err(|_| wrong())?;
    Ok(HashKv { hash, revision, compacted: Revision(number(1)?), current: Revision(number(2)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(hash: u32, compacted: i64) -> HashKv {
        let (revision, current) = (Revision(9), Revision(12));
        HashKv { hash, revision, compacted: Revision(compacted), current }
    }

    #[test]
    fn hashes_survive_the_way_there_and_back() {
        let there = hash(u32::MAX, 4);
        assert_eq!(decode(&encode(&there), Revision(9)), Ok(there));
        assert!(decode(&Bytes::from_static(&[1; 23]), Revision(9)).is_err());
    }

    #[test]
    fn only_hashes_under_the_same_compaction_can_differ() {
        let id = MemberId;
        let hashes = BTreeMap::from([
            (id(1), Ok(hash(1, 4))),
            (id(2), Ok(hash(2, 4))),
            (id(3), Ok(hash(3, 5))),
            (id(4), Err("down".to_owned())),
        ]);
        let mut integrity = Integrity { revision: Revision(9), hashes };
        assert_eq!(integrity.diverged(id(1)), [id(2)]);
        assert!(!integrity.is_whole());
        integrity.hashes.insert(id(2), Ok(HashKv { current: Revision(99), ..hash(1, 4) }));
        integrity.hashes.retain(|member, _| member.0 < 3);
        assert!(integrity.is_whole(), "it does not matter how far each has come since");
        integrity.hashes.retain(|member, _| *member == id(1));
        assert!(integrity.is_whole());
    }
}
