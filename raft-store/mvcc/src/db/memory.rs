//! A database in memory that forgets what was not flushed when told to crash.
//!
//! Place: unit tests and simulation. Snapshots are pointer copies of persistent maps.

use crate::Error;
use crate::db::{Batch, Family, SharedView, StateDb, Step, View, Visit};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use rpds::RedBlackTreeMapSync;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Map = RedBlackTreeMapSync<(Family, Bytes), Bytes>;

/// An ordered map per family.
#[derive(Debug, Default)]
pub struct MemoryDb {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Map,
    flushed: Map,
}

impl Default for State {
    fn default() -> Self {
        Self { now: Map::new_sync(), flushed: Map::new_sync() }
    }
}

/// A state at one moment.
struct MapView(Map);

const FILE: &str = "memory.state";

impl MemoryDb {
    /// An empty database.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Loses everything written since the last flush, checkpoint or replacement.
    pub fn crash(&self) {
        let mut state = self.lock();
        state.now = state.flushed.clone();
    }

    /// What the next start finds after a crash: everything up to the last flush, checkpoint or
    /// replacement. This database goes on as it is.
    #[must_use]
    pub fn survivor(&self) -> Self {
        let flushed = self.lock().flushed.clone();
        Self { state: Mutex::new(State { now: flushed.clone(), flushed }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateDb for MemoryDb {
    fn write(&self, batch: &Batch) -> Result<(), Error> {
        let mut state = self.lock();
        for (family, key, value) in batch.iter() {
            let key = (family, Bytes::copy_from_slice(key));
            match value {
                Some(value) => state.now.insert_mut(key, value.clone()),
                None => {
                    state.now.remove_mut(&key);
                }
            }
        }
        Ok(())
    }

    fn view(&self) -> SharedView {
        Arc::new(MapView(self.lock().now.clone()))
    }

    fn flush(&self) -> Result<(), Error> {
        let mut state = self.lock();
        state.flushed = state.now.clone();
        Ok(())
    }

    fn checkpoint(&self, dir: &Path) -> Result<(), Error> {
        self.flush()?;
        let map = self.lock().now.clone();
        std::fs::create_dir(dir).map_err(Error::io("create the checkpoint directory", dir))?;
        let path = dir.join(FILE);
        std::fs::write(&path, encode(&map)).map_err(Error::io("write the checkpoint", &path))
    }

    fn replace(
        &self,
        dir: &Path,
        accept: &mut dyn FnMut(&dyn View) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let path = dir.join(FILE);
        let bytes = std::fs::read(&path).map_err(Error::io("read the checkpoint", &path))?;
        let map = decode(bytes.into()).ok_or_else(|| Error::Format {
            path: path.clone(),
            found: "is damaged".into(),
            expected: "a whole checkpoint".into(),
        })?;
        accept(&MapView(map.clone()))?;
        std::fs::remove_dir_all(dir).map_err(Error::io("remove the consumed checkpoint", dir))?;
        let mut state = self.lock();
        state.now = map.clone();
        state.flushed = map;
        Ok(())
    }

    fn size(&self) -> Result<u64, Error> {
        let map = self.lock().now.clone();
        let bytes: usize = map.iter().map(|((_, key), value)| key.len() + value.len()).sum();
        Ok(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    fn defragment(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl View for MapView {
    fn value(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.0.get(&(family, Bytes::copy_from_slice(key))).cloned())
    }

    fn scan(
        &self,
        family: Family,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let mut from = Bytes::copy_from_slice(start);
        'seek: loop {
            let range = (Bound::Included((family, from)), Bound::Unbounded);
            for ((of, key), value) in self.0.range(range) {
                if *of != family || end.is_some_and(|end| key.as_ref() >= end) {
                    return Ok(());
                }
                match visit(key, value)? {
                    Step::Next => {}
                    Step::Stop => return Ok(()),
                    Step::Seek(to) => {
                        from = to.into();
                        continue 'seek;
                    }
                }
            }
            return Ok(());
        }
    }
}

/// Family, key length, key, value length, value of every item, then a checksum.
fn encode(map: &Map) -> Bytes {
    let mut out = BytesMut::new();
    for ((family, key), value) in map {
        out.put_u8(family.name().as_bytes()[0]);
        for part in [key, value] {
            out.put_u64(u64::try_from(part.len()).unwrap_or(u64::MAX));
            out.put_slice(part);
        }
    }
    let checksum = crc32c::crc32c(&out);
    out.put_u32(checksum);
    out.freeze()
}

fn decode(mut bytes: Bytes) -> Option<Map> {
    let body = bytes.split_to(bytes.len().checked_sub(4)?);
    if crc32c::crc32c(&body) != bytes.get_u32() {
        return None;
    }
    let mut body = body;
    let mut map = Map::new_sync();
    while body.has_remaining() {
        let tag = body.get_u8();
        let family = Family::ALL.into_iter().find(|family| family.name().as_bytes()[0] == tag)?;
        let key = part(&mut body)?;
        map.insert_mut((family, key), part(&mut body)?);
    }
    Some(map)
}

fn part(body: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(body.try_get_u64().ok()?).ok()?;
    (length <= body.len()).then(|| body.split_to(length))
}
