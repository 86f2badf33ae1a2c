//! One page of a tree in memory. Every length is checked where it is used.

use crate::error::Error;
use crate::format::{BRANCH, ELEMENT, HEADER, Header, IS_BUCKET, LEAF, size, u32_at, u64_at};

/// A branch or a leaf.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its number; that of the page it lies in if it is stored inside a value.
    pub(crate) id: u64,
    pub(crate) is_leaf: bool,
    pub(crate) count: u16,
    bytes: Vec<u8>,
}

/// An element of a leaf.
pub(crate) struct Leaf<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) is_bucket: bool,
}

impl Page {
    /// Takes the bytes of a page, header included.
    pub(crate) fn new(id: u64, bytes: Vec<u8>) -> Result<Self, Error> {
        let header = Header::decode(&bytes);
        let header = header.ok_or_else(|| Error::damaged(id, "header", "it is cut short"))?;
        let is_leaf = match header.kind {
            LEAF => true,
            BRANCH => false,
            other => {
                let reason = format!("{other:#06x} is neither a branch nor a leaf");
                return Err(Error::damaged(id, "flags", reason));
            }
        };
        if HEADER + usize::from(header.count) * ELEMENT > bytes.len() {
            let reason = format!("{} elements do not fit the page", header.count);
            return Err(Error::damaged(id, "count", reason));
        }
        Ok(Self { id, is_leaf, count: header.count, bytes })
    }

    /// An element of a branch: its key and its child.
    pub(crate) fn branch(&self, number: u16) -> Result<(&[u8], u64), Error> {
        let at = HEADER + usize::from(number) * ELEMENT;
        let child =
            u64_at(&self.bytes, at + 8).ok_or_else(|| self.damaged("count", "too large"))?;
        Ok((self.piece(at, self.field(at)?, self.field(at + 4)?, "ksize")?, child))
    }

    /// An element of a leaf.
    pub(crate) fn leaf(&self, number: u16) -> Result<Leaf<'_>, Error> {
        let at = HEADER + usize::from(number) * ELEMENT;
        let position = self.field(at + 4)?;
        let (key, value) = (self.field(at + 8)?, self.field(at + 12)?);
        Ok(Leaf {
            key: self.piece(at, position, key, "ksize")?,
            value: self.piece(at, position.saturating_add(key), value, "vsize")?,
            is_bucket: self.field(at)? & size(IS_BUCKET) != 0,
        })
    }

    fn field(&self, at: usize) -> Result<usize, Error> {
        u32_at(&self.bytes, at).map(size).ok_or_else(|| self.damaged("count", "too large"))
    }

    /// Bytes at a position after the beginning of an element.
    fn piece(
        &self,
        element: usize,
        position: usize,
        length: usize,
        field: &'static str,
    ) -> Result<&[u8], Error> {
        let start = element.saturating_add(position);
        let rest = self.bytes.get(start..).ok_or_else(|| self.damaged("pos", "beyond the page"))?;
        rest.get(..length).ok_or_else(|| self.damaged(field, "beyond the page"))
    }

    pub(crate) fn damaged(&self, field: &'static str, reason: &str) -> Error {
        Error::damaged(self.id, field, reason)
    }
}
