//! A view with writes on top that are not in the database yet.
//!
//! Place: apply runs every entry of a batch against one overlay, which then is the batch to write.
//! Reading code cannot tell it from the database.

use crate::Error;
use crate::db::{Batch, Family, Step, View, Visit};
use bytes::Bytes;
use std::iter::Peekable;

/// A base and the writes that hide parts of it.
pub(crate) struct Overlay<'a> {
    base: &'a dyn View,
    batch: Batch,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a dyn View) -> Self {
        Self { base, batch: Batch::default() }
    }

    pub(crate) fn put(&mut self, family: Family, key: impl Into<Bytes>, value: Bytes) {
        self.batch.put(family, key, value);
    }

    pub(crate) fn delete(&mut self, family: Family, key: impl Into<Bytes>) {
        self.batch.delete(family, key);
    }

    /// The writes.
    pub(crate) fn into_batch(self) -> Batch {
        self.batch
    }

    fn written(&self, family: Family, start: &[u8]) -> Written<'_> {
        let writes: Box<dyn Iterator<Item = _> + '_> = Box::new(self.batch.from(family, start));
        writes.peekable()
    }
}

type Written<'a> = Peekable<Box<dyn Iterator<Item = (&'a [u8], Option<&'a Bytes>)> + 'a>>;

impl View for Overlay<'_> {
    fn value(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, Error> {
        match self.batch.written(family, key) {
            Some(written) => Ok(written.clone()),
            None => self.base.value(family, key),
        }
    }

    fn scan(
        &self,
        family: Family,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let mut written = self.written(family, start);
        let mut stopped = false;
        self.base.scan(family, start, end, &mut |key, value| {
            while let Some((own, value)) = written.next_if(|(own, _)| *own < key) {
                let Some(value) = value else { continue };
                match visit(own, value)? {
                    Step::Next => {}
                    Step::Stop => {
                        stopped = true;
                        return Ok(Step::Stop);
                    }
                    Step::Seek(to) => {
                        written = self.written(family, &to);
                        if to.as_slice() > key {
                            return Ok(Step::Seek(to));
                        }
                    }
                }
            }
            let value = match written.next_if(|(own, _)| *own == key) {
                Some((_, Some(own))) => own.as_ref(),
                Some((_, None)) => return Ok(Step::Next),
                None => value,
            };
            let step = visit(key, value)?;
            match &step {
                Step::Next => {}
                Step::Stop => stopped = true,
                Step::Seek(to) => written = self.written(family, to),
            }
            Ok(step)
        })?;
        if stopped {
            return Ok(());
        }
        while let Some((own, value)) = written.next_if(|(own, _)| end.is_none_or(|end| *own < end))
        {
            let Some(value) = value else { continue };
            match visit(own, value)? {
                Step::Next => {}
                Step::Stop => return Ok(()),
                Step::Seek(to) => written = self.written(family, &to),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{MemoryDb, StateDb};
    use proptest::prelude::*;

    type Writes = Vec<(u8, Option<u8>)>;

    fn writes() -> impl Strategy<Value = Writes> {
        proptest::collection::vec((0u8..20, proptest::option::of(any::<u8>())), 0..20)
    }

    fn batch(writes: &Writes) -> Batch {
        let mut batch = Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.put(Family::Cur, vec![*key], vec![*value]),
                None => batch.delete(Family::Cur, vec![*key]),
            }
        }
        batch
    }

    /// What a scan visits that seeks past `hop` keys after every item and stops after `most`.
    fn visited(view: &dyn View, bounds: (u8, u8), hop: u8, most: usize) -> Vec<(u8, u8)> {
        let mut seen = Vec::new();
        let (start, end) = ([bounds.0], [bounds.1]);
        view.scan(Family::Cur, &start, Some(&end), &mut |key, value| {
            seen.push((key[0], value[0]));
            Ok(match (seen.len() == most, hop) {
                (true, _) => Step::Stop,
                (false, 0) => Step::Next,
                (false, hop) => Step::Seek(vec![key[0] + hop]),
            })
        })
        .unwrap();
        seen
    }

    proptest! {
        #[test]
        fn an_overlay_reads_like_the_database_it_becomes(
            below in writes(), above in writes(), a in 0u8..20, b in 0u8..22, hop in 0u8..4, most in 1usize..20
        ) {
            let db = MemoryDb::new();
            db.write(&batch(&below)).unwrap();
            let values = |view: &dyn View| -> Vec<_> {
                (0..20).map(|key| view.value(Family::Cur, &[key]).unwrap()).collect()
            };
            let below = db.view();
            let overlay = Overlay { base: &*below, batch: batch(&above) };
            db.write(&batch(&above)).unwrap();
            let becomes = db.view();
            prop_assert_eq!(
                visited(&overlay, (a, b), hop, most),
                visited(&*becomes, (a, b), hop, most)
            );
            prop_assert_eq!(values(&overlay), values(&*becomes));
        }
    }
}
