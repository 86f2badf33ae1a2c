//! Writing a file from keys that come in order.
//!
//! Trees are built from below: a page is written when the next pair does not fit it any more, and
//! its first key goes to the level above. What the meta pages at the beginning must tell, the page of
//! the root and the number of pages, is known only at the end; so the same input is given twice, first
//! to be measured. Pages are full, there is no free page, and the freelist is empty.

mod pages;
mod tree;

use crate::error::WriteError;
use crate::format::{
    BUCKET, FREELIST, HEADER, Header, IS_BUCKET, LEAF, META_PAGE, Meta, bucket_header, is_page_size,
};
use pages::Pages;
use std::io::{self, Write};
use tree::Tree;

/// Two meta pages, and the freelist behind them.
const FIRST_PAGES: u64 = 3;
const FREELIST_PAGE: u64 = 2;

/// What a file looks like from afar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    page_size: u32,
    pages: u64,
    root: u64,
}

impl Layout {
    /// Bytes of the whole file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pages * u64::from(self.page_size)
    }
}

/// A file being measured or written: buckets in the order of their names, the pairs of each in the
/// order of their keys. Holds one page per level of a tree.
#[derive(Debug)]
pub struct Writer<W> {
    pages: Pages<W>,
    measured: Option<Layout>,
    root: Tree,
    bucket: Option<Open>,
}

/// The bucket that pairs go to.
#[derive(Debug)]
struct Open {
    name: Vec<u8>,
    tree: Tree,
}

impl Writer<io::Sink> {
    /// A writer that writes nothing: give it the whole input, and [`Writer::finish`] tells the
    /// layout. Reads the lengths of values only.
    #[must_use]
    pub fn measuring(page_size: u32) -> Self {
        let pages = Pages { out: None, page_size, next: FIRST_PAGES };
        Self { pages, measured: None, root: Tree::default(), bucket: None }
    }
}

impl<W: Write> Writer<W> {
    /// A writer of the input that was measured.
    ///
    /// # Errors
    /// The output failed.
    pub fn new(out: W, layout: Layout) -> Result<Self, WriteError> {
        let mut pages = Pages { out: Some(out), page_size: layout.page_size, next: 0 };
        for transaction in 0..2 {
            let meta = Meta {
                page_size: layout.page_size,
                root: layout.root,
                sequence: 0,
                freelist: FREELIST_PAGE,
                pages: layout.pages,
                transaction,
            };
            pages.write(META_PAGE, 0, &[&meta.encode()])?;
        }
        pages.write(FREELIST, 0, &[])?;
        Ok(Self { pages, measured: Some(layout), root: Tree::default(), bucket: None })
    }

    /// Begins a bucket, which may stay empty.
    ///
    /// # Errors
    /// [`WriteError::Order`], [`WriteError::TooLong`], or the output failed.
    pub fn bucket(&mut self, name: &[u8]) -> Result<(), WriteError> {
        self.end_bucket()?;
        self.root.check(name)?;
        self.bucket = Some(Open { name: name.to_vec(), tree: Tree::default() });
        Ok(())
    }

    /// Adds a pair to the bucket that was begun last.
    ///
    /// # Errors
    /// [`WriteError::NoBucket`], [`WriteError::Order`], [`WriteError::TooLong`], or the output
    /// failed.
    pub fn pair(&mut self, key: &[u8], value: &[u8]) -> Result<(), WriteError> {
        let Some(bucket) = &mut self.bucket else {
            return Err(WriteError::NoBucket { key: key.to_vec() });
        };
        bucket.tree.pair(&mut self.pages, 0, key, value)
    }

    /// Writes what is left, and tells the layout.
    ///
    /// # Errors
    /// [`WriteError::Changed`], [`WriteError::PageSize`], or the output failed.
    pub fn finish(mut self) -> Result<Layout, WriteError> {
        self.end_bucket()?;
        let page_size = self.pages.page_size;
        if !is_page_size(page_size) {
            return Err(WriteError::PageSize { bytes: page_size });
        }
        let root = match self.root.is_empty() {
            true => self.pages.write(LEAF, 0, &[])?,
            false => self.root.finish(&mut self.pages)?,
        };
        let layout = Layout { page_size, pages: self.pages.next, root };
        match self.measured {
            Some(measured) if measured != layout => {
                Err(WriteError::Changed { pages: layout.pages, measured: measured.pages })
            }
            _ => {
                self.pages.out.as_mut().map_or(Ok(()), Write::flush)?;
                Ok(layout)
            }
        }
    }

    fn end_bucket(&mut self) -> Result<(), WriteError> {
        let Some(Open { name, mut tree }) = self.bucket.take() else { return Ok(()) };
        if tree.is_empty() {
            // As bbolt does, stored where it is named: a header and a leaf without elements.
            let mut value = [0; BUCKET + HEADER];
            let leaf = Header { id: 0, kind: LEAF, count: 0, overflow: 0 };
            value[BUCKET..].copy_from_slice(&leaf.encode());
            return self.root.pair(&mut self.pages, IS_BUCKET, &name, &value);
        }
        let root = tree.finish(&mut self.pages)?;
        self.root.pair(&mut self.pages, IS_BUCKET, &name, &bucket_header(root, 0))
    }
}
