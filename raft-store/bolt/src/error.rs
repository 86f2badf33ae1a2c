//! What can go wrong with a file, each with the page and the field concerned.

use std::io;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a read.
    #[error("reading {bytes} bytes at byte {offset} failed: {source}")]
    Read {
        /// Where in the file.
        offset: u64,
        /// How many bytes.
        bytes: u64,
        /// The system's answer.
        source: io::Error,
    },
    /// The file does not begin as a bbolt file does.
    #[error(
        "not a bbolt file, or both its meta pages are damaged: meta page {page}, field `{field}`: {reason}"
    )]
    NotBolt {
        /// 0 or 1.
        page: u64,
        /// The field of the meta page.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is shorter than it says of itself.
    #[error("file is cut short: it has {bytes} bytes, its meta page tells of {expected}")]
    Truncated {
        /// Bytes that are there.
        bytes: u64,
        /// Bytes that there should be.
        expected: u64,
    },
    /// A page does not make sense.
    #[error("page {page} is damaged, field `{field}`: {reason}")]
    Damaged {
        /// The page's number; for a bucket stored inside another, that of the page it lies in.
        page: u64,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A page is longer than the reader agreed to hold in memory.
    #[error("page {page} takes {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The page's number.
        page: u64,
        /// Its length in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl Error {
    pub(crate) fn damaged(page: u64, field: &'static str, reason: impl Into<String>) -> Self {
        Self::Damaged { page, field, reason: reason.into() }
    }
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The output refused bytes.
    #[error("writing failed: {0}")]
    Output(#[from] io::Error),
    /// A name or key is not above the one before it, or is empty.
    #[error(
        "key {key:02x?} does not follow {before:02x?}: give keys in order, each once, none empty"
    )]
    Order {
        /// The key that came.
        key: Vec<u8>,
        /// The one before it; empty at the beginning.
        before: Vec<u8>,
    },
    /// A pair came before any bucket.
    #[error("key {key:02x?} belongs to no bucket: begin one first")]
    NoBucket {
        /// The key that came.
        key: Vec<u8>,
    },
    /// A key or value is longer than bbolt takes.
    #[error("{what} of {bytes} bytes exceeds bbolt's limit of {limit}")]
    TooLong {
        /// A key or a value.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// What was written differs from what was measured.
    #[error("{pages} pages were written, {measured} were measured: the input changed in between")]
    Changed {
        /// Pages written.
        pages: u64,
        /// Pages measured.
        measured: u64,
    },
    /// The size of a page is none that bbolt has.
    #[error("page size {bytes}: choose a power of two from 512 to 65536")]
    PageSize {
        /// The size in bytes.
        bytes: u32,
    },
}
