//! A tree built from below.

use super::pages::Pages;
use crate::error::WriteError;
use crate::format::{BRANCH, ELEMENT, HEADER, LEAF, MAX_KEY, MAX_VALUE};
use std::io::{self, Write};

/// A tree being built: level 0 are the leaves.
#[derive(Debug, Default)]
pub(super) struct Tree {
    levels: Vec<Level>,
    last: Vec<u8>,
}

/// The page of one level that is not full yet.
#[derive(Debug, Default)]
struct Level {
    elements: Vec<Element>,
    body: Vec<u8>,
    /// Bytes of the body, which is not kept while measuring.
    bytes: usize,
    first: Vec<u8>,
}

#[derive(Debug)]
struct Element {
    /// Of a leaf's.
    flags: u32,
    /// Of a branch's.
    child: u64,
    offset: usize,
    key: usize,
    value: usize,
}

impl Tree {
    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    pub(super) fn check(&self, key: &[u8]) -> Result<(), WriteError> {
        if key <= self.last.as_slice() {
            return Err(WriteError::Order { key: key.to_vec(), before: self.last.clone() });
        }
        if key.len() > MAX_KEY {
            return Err(WriteError::TooLong { what: "key", bytes: key.len(), limit: MAX_KEY });
        }
        Ok(())
    }

    pub(super) fn pair<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        flags: u32,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), WriteError> {
        self.check(key)?;
        let (bytes, limit) = (value.len(), MAX_VALUE);
        if bytes > limit {
            return Err(WriteError::TooLong { what: "value", bytes, limit });
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        let element = Element { flags, child: 0, offset: 0, key: key.len(), value: value.len() };
        self.add(pages, 0, element, key, value)
    }

    fn add<W: Write>(
        &mut self,
        pages: &mut Pages<W>,
        number: usize,
        element: Element,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), WriteError> {
        if number == self.levels.len() {
            self.levels.push(Level::default());
        }
        let page_size = usize::try_from(pages.page_size).unwrap_or(usize::MAX);
        if !self.levels[number].fits(key.len() + value.len(), page_size) {
            self.close(pages, number)?;
        }
        self.levels[number].push(element, key, value, pages.out.is_some());
        Ok(())
    }

    /// Writes the page of a level and names it to the level above.
    fn close<W: Write>(&mut self, pages: &mut Pages<W>, number: usize) -> Result<(), WriteError> {
        let first = std::mem::take(&mut self.levels[number].first);
        let child = self.levels[number].write(pages, number == 0)?;
        let element = Element { flags: 0, child, offset: 0, key: first.len(), value: 0 };
        self.add(pages, number + 1, element, &first, &[])
    }

    /// Writes what is left of every level; gives the page of the root.
    pub(super) fn finish<W: Write>(&mut self, pages: &mut Pages<W>) -> Result<u64, WriteError> {
        let mut number = 0;
        while number + 1 < self.levels.len() {
            self.close(pages, number)?;
            number += 1;
        }
        self.levels[number].write(pages, number == 0)
    }
}

impl Level {
    fn fits(&self, bytes: usize, page_size: usize) -> bool {
        let count = self.elements.len();
        count == 0 || HEADER + (count + 1) * ELEMENT + self.bytes + bytes <= page_size
    }

    fn push(&mut self, element: Element, key: &[u8], value: &[u8], keep: bool) {
        if self.elements.is_empty() {
            self.first.clear();
            self.first.extend_from_slice(key);
        }
        self.elements.push(Element { offset: self.bytes, ..element });
        self.bytes += key.len() + value.len();
        if keep {
            self.body.extend_from_slice(key);
            self.body.extend_from_slice(value);
        }
    }

    fn write<W: Write>(&mut self, pages: &mut Pages<W>, leaf: bool) -> Result<u64, WriteError> {
        let count = self.elements.len();
        let kind = if leaf { LEAF } else { BRANCH };
        if pages.out.is_none() {
            let id = pages.take(count * ELEMENT + self.bytes).0;
            self.clear();
            return Ok(id);
        }
        let mut index = Vec::with_capacity(count * ELEMENT);
        for (number, element) in self.elements.iter().enumerate() {
            let position = (count - number) * ELEMENT + element.offset;
            element.encode(position, leaf, &mut index);
        }
        let count = u16::try_from(count).map_err(io::Error::other)?;
        let id = pages.write(kind, count, &[&index, &self.body])?;
        self.clear();
        Ok(id)
    }

    fn clear(&mut self) {
        self.elements.clear();
        self.body.clear();
        self.bytes = 0;
    }
}

impl Element {
    fn encode(&self, position: usize, leaf: bool, out: &mut Vec<u8>) {
        let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        if leaf {
            out.extend_from_slice(&self.flags.to_le_bytes());
            out.extend_from_slice(&word(position));
            out.extend_from_slice(&word(self.key));
            out.extend_from_slice(&word(self.value));
        } else {
            out.extend_from_slice(&word(position));
            out.extend_from_slice(&word(self.key));
            out.extend_from_slice(&self.child.to_le_bytes());
        }
    }
}
