//! Going through a bucket in the order of its keys.
//!
//! Invariants: keys ascend strictly over the whole scan and stay within what the branches above
//! promise, and no page below a root is empty. A page that is reached twice, by a cycle or by two
//! ways, therefore ends the scan with an error at its first key.

use crate::database::{Bucket, Database};
use crate::error::Error;
use crate::page::Page;
use crate::source::Source;

/// A tree of two children per branch would need more pages than there are numbers.
const MAX_DEPTH: usize = 64;

/// What a bucket holds under a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A key and its value.
    Value(&'a [u8], &'a [u8]),
    /// A bucket inside this one, and its name.
    Bucket(&'a [u8], Bucket),
}

/// A bucket being read. Holds one page per level of its tree.
#[derive(Debug)]
pub struct Scan<'a, S> {
    database: &'a Database<S>,
    levels: Vec<Level>,
    last: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Level {
    page: Page,
    next: u16,
    /// No key below is smaller.
    from: Vec<u8>,
    /// Every key below is smaller; none at the right edge of the tree.
    to: Option<Vec<u8>>,
}

impl<'a, S: Source> Scan<'a, S> {
    pub(crate) fn new(database: &'a Database<S>, root: Page) -> Result<Self, Error> {
        if !root.is_leaf && root.count == 0 {
            return Err(root.damaged("count", "a branch has no children"));
        }
        let root = Level { page: root, next: 0, from: Vec::new(), to: None };
        Ok(Self { database, levels: vec![root], last: None })
    }

    /// The next key; `None` after the last. After an error the scan has no more to tell.
    ///
    /// # Errors
    /// A page is damaged or too large, or a read failed.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, Error> {
        let found = self.seek();
        if found.is_err() {
            self.levels.clear();
        }
        if !found? {
            return Ok(None);
        }
        let Some(level) = self.levels.last() else { return Ok(None) };
        let leaf = level.page.leaf(level.next - 1)?;
        Ok(Some(match leaf.is_bucket {
            true => Item::Bucket(leaf.key, Bucket::decode(level.page.id, leaf.value)?),
            false => Item::Value(leaf.key, leaf.value),
        }))
    }

    /// Goes on to the next element of a leaf, and checks its key; false at the end.
    fn seek(&mut self) -> Result<bool, Error> {
        while let Some(level) = self.levels.last_mut() {
            if level.next >= level.page.count {
                self.levels.pop();
                continue;
            }
            level.next += 1;
            if level.page.is_leaf {
                level.check(&mut self.last)?;
                return Ok(true);
            }
            let (child, from, to) = level.child()?;
            self.descend(child, from, to)?;
        }
        Ok(false)
    }

    fn descend(&mut self, child: u64, from: Vec<u8>, to: Option<Vec<u8>>) -> Result<(), Error> {
        if self.levels.len() >= MAX_DEPTH {
            return Err(Error::damaged(child, "pgid", "the tree is too deep, or a circle"));
        }
        let page = self.database.page(child)?;
        if page.count == 0 {
            return Err(page.damaged("count", "a page below another is empty"));
        }
        self.levels.push(Level { page, next: 0, from, to });
        Ok(())
    }
}

/// A page, the first key it may hold, and the first it may not.
type Child = (u64, Vec<u8>, Option<Vec<u8>>);

impl Level {
    /// The child that was just reached, and between which keys its own lie.
    fn child(&self) -> Result<Child, Error> {
        let (key, child) = self.page.branch(self.next - 1)?;
        let after = match self.next < self.page.count {
            true => Some(self.page.branch(self.next)?.0.to_vec()),
            false => self.to.clone(),
        };
        if key < self.from.as_slice() || after.as_ref().is_some_and(|after| key >= after) {
            return Err(self.page.damaged("key", "keys of a branch are out of order"));
        }
        Ok((child, key.to_vec(), after))
    }

    /// Checks the key that was just reached, and keeps it for the next check.
    fn check(&self, last: &mut Option<Vec<u8>>) -> Result<(), Error> {
        let key = self.page.leaf(self.next - 1)?.key;
        if key.is_empty() {
            return Err(self.page.damaged("ksize", "a key is empty"));
        }
        let follows = last.as_ref().is_none_or(|last| key > last.as_slice());
        let fits = self.to.as_ref().is_none_or(|to| key < to.as_slice());
        if !follows || !fits || key < self.from.as_slice() {
            return Err(self.page.damaged("key", "keys of a leaf are out of order"));
        }
        let last = last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        Ok(())
    }
}
