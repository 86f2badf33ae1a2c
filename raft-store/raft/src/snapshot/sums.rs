//! Checksums of whole files, remembered: the files of a state never change once they are written, so
//! each is read once, however often it is offered.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Shorter files are read every time.
const REMEMBERED_BYTES: u64 = 1024 * 1024;
/// Most checksums remembered; with more, all are forgotten.
const REMEMBERED: usize = 16 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;

/// What tells one file from another: device, inode, length, time of the last change.
type Identity = (u64, u64, u64, i64, i64);

/// Computes CRC-32Cs. Clones share what they remember.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums(Arc<Mutex<HashMap<Identity, u32>>>);

impl Sums {
    /// The checksum of a file. Blocks.
    pub(crate) fn of(&self, path: &Path) -> Result<u32, io::Error> {
        let mut file = File::open(path)?;
        let found = file.metadata()?;
        let identity = (found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec());
        let lasting = found.len() >= REMEMBERED_BYTES;
        if lasting && let Some(sum) = self.lock().get(&identity) {
            return Ok(*sum);
        }
        let sum = checksum(&mut file)?;
        if lasting {
            let mut known = self.lock();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(identity, sum);
        }
        Ok(sum)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Identity, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn checksum(file: &mut File) -> Result<u32, io::Error> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut sum = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(sum),
            Ok(count) => sum = crc32c::crc32c_append(sum, &buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
