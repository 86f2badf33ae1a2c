//! The bytes of a bbolt file. Pure.
//!
//! ```text
//! page     u64 number, u16 kind, u16 count, u32 pages that follow as part of this one, then elements
//! branch   count × (u32 position, u32 key length, u64 child), keys
//! leaf     count × (u32 flags, u32 position, u32 key length, u32 value length), keys and values
//! meta     u32 magic, u32 version, u32 page size, u32 flags, bucket of the root, u64 freelist,
//!          u64 pages in use, u64 transaction, u64 FNV-1a of all before
//! bucket   u64 page of its root (0: the page follows right here), u64 sequence
//! ```
//!
//! All numbers are little-endian. Pages 0 and 1 are meta pages; the valid one of the later
//! transaction counts. A position counts from the beginning of its element.

/// Bytes of a page's header.
pub(crate) const HEADER: usize = 16;
/// Bytes of an element of a branch or a leaf.
pub(crate) const ELEMENT: usize = 16;
/// Bytes of a bucket's header.
pub(crate) const BUCKET: usize = 16;
/// Bytes of what is in a meta page.
pub(crate) const META: usize = 64;

pub(crate) const BRANCH: u16 = 0x01;
pub(crate) const LEAF: u16 = 0x02;
pub(crate) const META_PAGE: u16 = 0x04;
pub(crate) const FREELIST: u16 = 0x10;

/// Flag of a leaf's element whose value is a bucket.
pub(crate) const IS_BUCKET: u32 = 0x01;

/// Longest key that bbolt takes.
pub(crate) const MAX_KEY: usize = 32_768;
/// Longest value that bbolt takes.
pub(crate) const MAX_VALUE: usize = (1 << 31) - 2;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;

/// Whether a page may have so many bytes.
pub(crate) fn is_page_size(bytes: u32) -> bool {
    bytes.is_power_of_two() && (512..=65_536).contains(&bytes)
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|word| u16::from_le_bytes(*word))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
}

/// A length or position in memory; too large a one is larger than anything there is.
pub(crate) fn size(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The first bytes of every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u64,
    pub(crate) kind: u16,
    pub(crate) count: u16,
    pub(crate) overflow: u32,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.kind.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..].copy_from_slice(&self.overflow.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            id: u64_at(bytes, 0)?,
            kind: u16_at(bytes, 8)?,
            count: u16_at(bytes, 10)?,
            overflow: u32_at(bytes, 12)?,
        })
    }
}

/// Where a file begins: what a meta page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) page_size: u32,
    pub(crate) root: u64,
    pub(crate) sequence: u64,
    pub(crate) freelist: u64,
    /// Pages in use; those beyond have never been.
    pub(crate) pages: u64,
    pub(crate) transaction: u64,
}

/// A field of a meta page and what is wrong with it.
pub(crate) type Fault = (&'static str, String);

impl Meta {
    pub(crate) fn encode(&self) -> [u8; META] {
        let mut bytes = [0; META];
        let words = [MAGIC, VERSION, self.page_size, 0];
        let longs = [self.root, self.sequence, self.freelist, self.pages, self.transaction];
        let fields = words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .chain(longs.iter().flat_map(|long| long.to_le_bytes()));
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let checksum = fnv1a(&bytes[..META - 8]);
        bytes[META - 8..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a meta page, header and all.
    pub(crate) fn decode(page: &[u8]) -> Result<Self, Fault> {
        let short = || ("length", format!("{} bytes are too few", page.len()));
        let bytes = page.get(HEADER..HEADER + META).ok_or_else(short)?;
        let word = |at| u32_at(bytes, at).ok_or_else(short);
        let long = |at| u64_at(bytes, at).ok_or_else(short);
        if word(0)? != MAGIC {
            return Err(("magic", format!("{:08x} is not {MAGIC:08x}", word(0)?)));
        }
        if word(4)? != VERSION {
            return Err(("version", format!("{} is not {VERSION}", word(4)?)));
        }
        let (found, checksum) = (long(META - 8)?, fnv1a(&bytes[..META - 8]));
        if found != checksum {
            return Err(("checksum", format!("{found:016x} is not {checksum:016x}")));
        }
        let meta = Self {
            page_size: word(8)?,
            root: long(16)?,
            sequence: long(24)?,
            freelist: long(32)?,
            pages: long(40)?,
            transaction: long(48)?,
        };
        if !is_page_size(meta.page_size) {
            return Err(("pageSize", format!("{} is no size of a page", meta.page_size)));
        }
        Ok(meta)
    }
}

/// The header of a bucket: the page of its root, its sequence.
pub(crate) fn bucket_header(root: u64, sequence: u64) -> [u8; BUCKET] {
    let mut bytes = [0; BUCKET];
    bytes[..8].copy_from_slice(&root.to_le_bytes());
    bytes[8..].copy_from_slice(&sequence.to_le_bytes());
    bytes
}

pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
