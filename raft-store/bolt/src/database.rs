//! Opening a file, and getting at its pages and buckets.

use crate::error::Error;
use crate::format::{BUCKET, HEADER, Header, META, Meta, u64_at};
use crate::page::Page;
use crate::scan::{Item, Scan};
use crate::source::Source;

/// Smallest and largest page that a second meta page is looked for behind.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 9..=16;

/// How much a reader agrees to take.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Longest page in bytes, 256 MiB. A page is as long as the values on it need.
    pub page_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { page_bytes: 256 * 1024 * 1024 }
    }
}

/// A file that is read.
#[derive(Debug)]
pub struct Database<S> {
    source: S,
    meta: Meta,
    limits: Limits,
}

/// A bucket: where its tree begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    root: Root,
    /// Its sequence number, which applications may use as they like.
    pub sequence: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    Page(u64),
    /// The only page of a small bucket, and the number of the page it is stored in.
    Inline(u64, Vec<u8>),
}

impl<S: Source> Database<S> {
    /// Opens a file: the meta page of the latest transaction that is whole counts.
    ///
    /// # Errors
    /// [`Error::NotBolt`], [`Error::Truncated`], or a read failed.
    pub fn open(source: S) -> Result<Self, Error> {
        Self::open_with(source, Limits::default())
    }

    /// Opens a file with limits of one's own.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_with(source: S, limits: Limits) -> Result<Self, Error> {
        let bytes =
            source.length().map_err(|source| Error::Read { offset: 0, bytes: 0, source })?;
        let meta = newest_meta(&source, bytes)?;
        let expected = meta.pages.saturating_mul(u64::from(meta.page_size));
        if bytes < expected {
            return Err(Error::Truncated { bytes, expected });
        }
        Ok(Self { source, meta, limits })
    }

    /// Bytes of a page.
    #[must_use]
    pub fn page_bytes(&self) -> u32 {
        self.meta.page_size
    }

    /// Bytes of all pages that have been in use; a file may be longer.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.meta.pages * u64::from(self.meta.page_size)
    }

    /// The transaction that the file shows.
    #[must_use]
    pub fn transaction(&self) -> u64 {
        self.meta.transaction
    }

    /// The bucket that holds all buckets.
    #[must_use]
    pub fn root(&self) -> Bucket {
        Bucket { root: Root::Page(self.meta.root), sequence: self.meta.sequence }
    }

    /// A bucket of the outermost level; `None` if there is none of that name.
    ///
    /// # Errors
    /// A page on the way is damaged, or a read failed.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Bucket>, Error> {
        let mut scan = self.scan(&self.root())?;
        while let Some(item) = scan.next_item()? {
            match item {
                Item::Bucket(found, bucket) if found == name => return Ok(Some(bucket)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads a bucket from its first key on.
    ///
    /// # Errors
    /// The page of its root is damaged, or a read failed.
    pub fn scan(&self, bucket: &Bucket) -> Result<Scan<'_, S>, Error> {
        let root = match &bucket.root {
            Root::Page(id) => self.page(*id)?,
            Root::Inline(id, bytes) => inline(*id, bytes)?,
        };
        Scan::new(self, root)
    }

    /// Reads a page of a tree.
    pub(crate) fn page(&self, id: u64) -> Result<Page, Error> {
        let page_size = u64::from(self.meta.page_size);
        if id < 2 || id >= self.meta.pages {
            let reason =
                format!("a tree leads to it, but only 2 to {} are in use", self.meta.pages);
            return Err(Error::damaged(id, "id", reason));
        }
        let mut head = [0; HEADER];
        self.read(&mut head, id * page_size)?;
        let header = Header::decode(&head).filter(|header| header.id == id);
        let header = header.ok_or_else(|| Error::damaged(id, "id", "it says it is another one"))?;
        let pages = u64::from(header.overflow) + 1;
        if pages > self.meta.pages - id {
            let reason = format!("{} pages behind it are beyond the last", header.overflow);
            return Err(Error::damaged(id, "overflow", reason));
        }
        let (bytes, limit) = (pages * page_size, self.limits.page_bytes);
        let room = usize::try_from(bytes).ok().filter(|_| bytes <= limit);
        let room = room.ok_or(Error::TooLarge { page: id, bytes, limit })?;
        let mut bytes = vec![0; room];
        self.read(&mut bytes, id * page_size)?;
        Page::new(id, bytes)
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        read(&self.source, buffer, offset)
    }
}

impl Bucket {
    /// Reads what a leaf's value says of a bucket.
    pub(crate) fn decode(page: u64, value: &[u8]) -> Result<Self, Error> {
        let (Some(root), Some(sequence)) = (u64_at(value, 0), u64_at(value, 8)) else {
            let reason = format!("{} bytes are too few for a bucket", value.len());
            return Err(Error::damaged(page, "vsize", reason));
        };
        let root = match root {
            0 => Root::Inline(page, value[BUCKET..].to_vec()),
            id => Root::Page(id),
        };
        Ok(Self { root, sequence })
    }
}

fn inline(id: u64, bytes: &[u8]) -> Result<Page, Error> {
    let page = Page::new(id, bytes.to_vec())?;
    if !page.is_leaf {
        return Err(page.damaged("flags", "a bucket stored inside another must be one leaf"));
    }
    Ok(page)
}

fn newest_meta<S: Source>(source: &S, bytes: u64) -> Result<Meta, Error> {
    let first = meta_at(source, bytes, 0)?;
    let second = match &first {
        Ok(meta) => meta_at(source, bytes, u64::from(meta.page_size))?.ok(),
        // The first one does not tell how long pages are: try what is usual.
        Err(_) => PAGE_SIZES
            .map(|bits| meta_at(source, bytes, 1 << bits))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .next(),
    };
    match (first, second) {
        (Ok(first), Some(second)) if second.transaction > first.transaction => Ok(second),
        (Ok(first), _) => Ok(first),
        (Err(_), Some(second)) => Ok(second),
        (Err((field, reason)), None) => Err(Error::NotBolt { page: 0, field, reason }),
    }
}

/// Reads the meta page at an offset; what is wrong with it is no failure yet.
fn meta_at<S: Source>(
    source: &S,
    bytes: u64,
    offset: u64,
) -> Result<Result<Meta, crate::format::Fault>, Error> {
    let mut page = [0; HEADER + META];
    if bytes < offset.saturating_add(page.len() as u64) {
        return Ok(Err(("length", format!("the file has only {bytes} bytes"))));
    }
    read(source, &mut page, offset)?;
    let here = |meta: &Meta| offset == 0 || offset == u64::from(meta.page_size);
    Ok(Meta::decode(&page).and_then(|meta| match here(&meta) {
        true => Ok(meta),
        false => Err(("pageSize", format!("{} does not lead here", meta.page_size))),
    }))
}

fn read<S: Source>(source: &S, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
    let bytes = buffer.len() as u64;
    source.read_at(buffer, offset).map_err(|source| Error::Read { offset, bytes, source })
}
