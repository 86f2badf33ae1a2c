//! The log of an etcd's data directory: whether it holds changes that the database does not.
//!
//! ```text
//! file     member/wal/SEQUENCE-INDEX.wal, both hexadecimal; the index is that of its first entry
//! frame    i64 length (little-endian; the upper byte tells of padding to eight bytes), record; a
//!          length of zero ends a file, which is preallocated
//! record   type, CRC-32C over the data of all records so far, data
//! ```
//!
//! A database lags by up to 10,000 entries behind the log, or by 100 ms, when an etcd is killed; one
//! that was stopped lags by entries that change no data at most.

use super::error::Error;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// No record is longer; etcd's largest request is far below.
const RECORD_BYTES: u64 = 256 * 1024 * 1024;
/// A torn write leaves whole sectors of zeros.
const SECTOR: u64 = 512;

const ENTRY: i64 = 2;
const STATE: i64 = 3;
const CRC: i64 = 4;

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(uint32, tag = "2")]
    crc: u32,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
}

/// etcd's `raftpb.Entry`.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint64, tag = "3")]
    index: u64,
    #[prost(bytes = "vec", tag = "4")]
    data: Vec<u8>,
}

/// etcd's `raftpb.HardState`.
#[derive(Clone, PartialEq, Message)]
struct HardState {
    #[prost(uint64, tag = "3")]
    commit: u64,
}

/// Refuses a data directory whose log holds changes behind what its database has applied. An entry
/// that is not known to be committed may be, so it counts.
pub(super) fn check(data_dir: &Path, applied: u64) -> Result<(), Error> {
    let files = files(&data_dir.join("member").join("wal"), applied)?;
    let mut log = Log { applied, ..Log::default() };
    for (number, path) in files.iter().enumerate() {
        log.read(path, number + 1 == files.len())?;
    }
    match log.changing.first() {
        None => Ok(()),
        Some(first) => Err(Error::Lagging {
            path: data_dir.to_owned(),
            applied,
            committed: log.committed.max(log.last),
            first: *first,
        }),
    }
}

/// The files that may hold entries behind an index, in order.
fn files(dir: &Path, applied: u64) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Io { path: dir.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let Some(place) = path.file_name().and_then(|name| place(&name.to_string_lossy())) {
            files.push((place, path));
        }
    }
    files.sort();
    let missed = files.iter().take_while(|((_, index), _)| *index <= applied + 1).count();
    if missed == 0 {
        let reason = format!("there is no log that goes on behind entry {applied}");
        return Err(Error::Wal { path: dir.to_owned(), offset: 0, reason });
    }
    Ok(files.into_iter().skip(missed - 1).map(|(_, path)| path).collect())
}

/// Sequence and index in a file's name.
fn place(name: &str) -> Option<(u64, u64)> {
    let (sequence, index) = name.strip_suffix(".wal")?.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(sequence)?, number(index)?))
}

/// What the files tell.
#[derive(Debug, Default)]
struct Log {
    applied: u64,
    committed: u64,
    last: u64,
    /// Entries behind the applied one that change data.
    changing: BTreeSet<u64>,
    crc: u32,
}

impl Log {
    fn read(&mut self, path: &Path, is_last: bool) -> Result<(), Error> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut file = BufReader::new(file);
        let mut offset = 0;
        loop {
            let damaged = |reason: &str| Error::Wal {
                path: path.to_owned(),
                offset,
                reason: reason.to_owned(),
            };
            let mut head = [0; 8];
            match file.read_exact(&mut head) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(failed(error)),
            }
            let head = u64::from_le_bytes(head);
            if head == 0 {
                return Ok(());
            }
            let (bytes, padding) = frame(head);
            let whole = bytes + padding;
            if bytes > RECORD_BYTES || whole > length.saturating_sub(offset + 8) {
                // Where the writing broke off.
                return if is_last { Ok(()) } else { Err(damaged("a record is cut short")) };
            }
            let mut data = vec![0; usize::try_from(whole).unwrap_or(usize::MAX)];
            file.read_exact(&mut data).map_err(failed)?;
            let record = &data[..data.len() - usize::try_from(padding).unwrap_or(0)];
            if !self.take(record).map_err(damaged)? {
                return match is_last && is_torn(&data, offset + 8) {
                    true => Ok(()),
                    false => Err(damaged("a record does not fit its checksum")),
                };
            }
            offset += 8 + whole;
        }
    }

    /// Notes a record; whether it is whole.
    fn take(&mut self, record: &[u8]) -> Result<bool, &'static str> {
        let Ok(record) = Record::decode(record) else { return Ok(false) };
        if record.kind == CRC {
            self.crc = record.crc;
            return Ok(true);
        }
        let crc = crc32c::crc32c_append(self.crc, &record.data);
        if crc != record.crc {
            return Ok(false);
        }
        self.crc = crc;
        match record.kind {
            ENTRY => {
                let entry = Entry::decode(&record.data[..]).map_err(|_| "an entry is damaged")?;
                // An entry replaces all of its index and above.
                self.changing.split_off(&entry.index);
                self.last = entry.index;
                if entry.index > self.applied && entry.kind == 0 && changes(&entry.data) {
                    self.changing.insert(entry.index);
                }
            }
            STATE => {
                let state =
                    HardState::decode(&record.data[..]).map_err(|_| "a state is damaged")?;
                self.committed = state.commit;
            }
            _ => {}
        }
        Ok(true)
    }
}

/// Length of the record and of the padding behind it.
fn frame(head: u64) -> (u64, u64) {
    let padding = if head >> 63 == 1 { head >> 56 & 7 } else { 0 };
    (head & (u64::MAX >> 8), padding)
}

/// Whether a sector of the record was never written.
fn is_torn(data: &[u8], offset: u64) -> bool {
    let first = usize::try_from(SECTOR - offset % SECTOR).unwrap_or(0).min(data.len());
    let (first, rest) = data.split_at(first);
    let empty = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0);
    empty(first) || rest.chunks(512).any(empty)
}

/// Whether a request of etcd's log changes keys, leases, users or roles. Requests of the old API,
/// which has a store of its own, do not; nor do versions, members, alarms, and what is left of
/// leases.
fn changes(mut request: &[u8]) -> bool {
    let mut changes = false;
    while !request.is_empty() {
        let Ok((field, wire)) = decode_key(&mut request) else { return false };
        match field {
            // The old API's method.
            2 if wire == WireType::LengthDelimited => return false,
            4..=9 | 1000 | 1011 | 1100 | 1101 | 1103..=1105 | 1200 | 1201 | 1203 | 1204 => {
                changes = true;
            }
            _ => {}
        }
        if skip_field(wire, field, &mut request, DecodeContext::default()).is_err() {
            return false;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with records, each with its padding.
    fn file(records: &[(i64, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut crc = 0;
        for (kind, data) in records {
            crc = crc32c::crc32c_append(crc, data);
            let record = Record { kind: *kind, crc, data: data.clone() }.encode_to_vec();
            let padding = (8 - record.len() % 8) % 8;
            let mark = if padding == 0 { 0 } else { 0x80 | padding as u64 };
            bytes.extend((record.len() as u64 | mark << 56).to_le_bytes());
            bytes.extend(&record);
            bytes.extend(vec![0; padding]);
        }
        bytes
    }

    fn entry(index: u64, data: &[u8]) -> (i64, Vec<u8>) {
        (ENTRY, Entry { kind: 0, index, data: data.to_vec() }.encode_to_vec())
    }

    /// A put of the key `k`, and a range.
    const PUT: &[u8] = &[8, 1, 0x22, 3, 0x0a, 1, b'k'];
    const RANGE: &[u8] = &[8, 1, 0x1a, 3, 0x0a, 1, b'k'];

    fn checked(bytes: &[u8], applied: u64) -> Result<(), Error> {
        let dir = tempfile::tempdir().unwrap();
        let wal = dir.path().join("member/wal");
        std::fs::create_dir_all(&wal).unwrap();
        std::fs::write(wal.join("0000000000000000-0000000000000000.wal"), bytes).unwrap();
        check(dir.path(), applied)
    }

    fn commit(commit: u64) -> (i64, Vec<u8>) {
        (STATE, HardState { commit }.encode_to_vec())
    }

    #[test]
    fn a_log_that_changes_nothing_more_is_accepted() {
        let bytes = file(&[entry(1, PUT), entry(2, RANGE), commit(2)]);
        checked(&bytes, 1).unwrap();
        checked(&[bytes, vec![0; 1000]].concat(), 1).unwrap();
    }

    #[test]
    fn a_log_that_goes_on_is_refused() {
        let bytes = file(&[entry(1, PUT), commit(1), entry(2, RANGE), entry(3, PUT), commit(3)]);
        let error = checked(&bytes, 1).unwrap_err();
        let told = matches!(error, Error::Lagging { applied: 1, committed: 3, first: 3, .. });
        assert!(told, "{error}");
        checked(&bytes, 3).unwrap();
    }

    #[test]
    fn entries_that_were_replaced_do_not_count() {
        checked(&file(&[entry(1, PUT), entry(2, PUT), entry(2, RANGE)]), 1).unwrap();
    }

    #[test]
    fn requests_of_the_old_api_do_not_count() {
        let request = [8, 1, 0x12, 3, b'P', b'U', b'T', 0x1a, 1, b'/', 0x22, 1, b'v'];
        checked(&file(&[entry(1, &request)]), 0).unwrap();
    }

    #[test]
    fn a_torn_end_is_an_end_and_damage_is_not() {
        let whole = file(&[entry(1, PUT), entry(2, &[PUT, &[0x7f; 3000]].concat())]);
        for length in [whole.len() - 9, whole.len() - 1000] {
            checked(&whole[..length], 1).unwrap();
        }
        let mut torn = whole.clone();
        torn[1024..2048].fill(0);
        checked(&torn, 1).unwrap();
        let mut damaged = whole;
        damaged[1500] ^= 1;
        let error = checked(&damaged, 1).unwrap_err();
        assert!(matches!(error, Error::Wal { .. }), "{error}");
    }

    #[test]
    fn a_directory_without_a_log_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(check(dir.path(), 1), Err(Error::Io { .. })));
    }
}
