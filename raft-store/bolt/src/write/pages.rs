//! The pages of a file, numbered and written one after the other.

use crate::error::WriteError;
use crate::format::{HEADER, Header};
use std::io::Write;

/// The pages of a file, one after the other.
#[derive(Debug)]
pub(super) struct Pages<W> {
    /// Nothing while measuring.
    pub(super) out: Option<W>,
    pub(super) page_size: u32,
    pub(super) next: u64,
}

impl<W: Write> Pages<W> {
    /// Writes a page with as many behind it as its parts need; gives its number.
    pub(super) fn write(
        &mut self,
        kind: u16,
        count: u16,
        parts: &[&[u8]],
    ) -> Result<u64, WriteError> {
        let bytes = parts.iter().map(|part| part.len()).sum();
        let (id, overflow) = self.take(bytes);
        let Some(out) = &mut self.out else { return Ok(id) };
        out.write_all(&Header { id, kind, count, overflow }.encode())?;
        for part in parts {
            out.write_all(part)?;
        }
        let page_size = usize::try_from(self.page_size).unwrap_or(usize::MAX);
        let rest = (HEADER + bytes).next_multiple_of(page_size) - (HEADER + bytes);
        out.write_all(&vec![0; rest])?;
        Ok(id)
    }

    /// Numbers a page with so many bytes behind its header; how many follow as part of it.
    pub(super) fn take(&mut self, bytes: usize) -> (u64, u32) {
        let page_size = usize::try_from(self.page_size.max(1)).unwrap_or(usize::MAX);
        let pages = (HEADER + bytes).div_ceil(page_size);
        let overflow = u32::try_from(pages - 1).unwrap_or(u32::MAX);
        let id = self.next;
        self.next += u64::from(overflow) + 1;
        (id, overflow)
    }
}
