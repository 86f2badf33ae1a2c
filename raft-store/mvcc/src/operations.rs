//! How much has been done to the state: counts for whoever measures it.

use crate::{Outcome, Reply};
use quorate_store::{OpResponse, TxnResponse};
use std::sync::atomic::{AtomicU64, Ordering};

/// Operations since the state was opened, those replayed from the log included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Ranges, those in transactions included.
    pub ranges: u64,
    /// Puts applied.
    pub puts: u64,
    /// Deletions applied, whether or not they found a key.
    pub deletes: u64,
    /// Transactions of more than one operation applied.
    pub txns: u64,
}

impl Operations {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(Reply::Txn(txn)) => {
                let before = self.steps();
                self.txn(txn);
                self.txns += u64::from(self.steps() - before > 1);
            }
            Ok(Reply::Batch(outcomes)) => outcomes.iter().for_each(|one| self.add(one)),
            _ => {}
        }
    }

    fn txn(&mut self, txn: &TxnResponse) {
        for response in &txn.responses {
            match response {
                OpResponse::Range(_) => self.ranges += 1,
                OpResponse::Put { .. } => self.puts += 1,
                OpResponse::Delete { .. } => self.deletes += 1,
                OpResponse::Txn(nested) => self.txn(nested),
                _ => {}
            }
        }
    }

    fn steps(&self) -> u64 {
        self.ranges + self.puts + self.deletes
    }
}

/// The counts of a state. Counting waits for nothing.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    ranges: AtomicU64,
    puts: AtomicU64,
    deletes: AtomicU64,
    txns: AtomicU64,
}

impl Counter {
    /// Entries have been applied.
    pub(crate) fn applied(&self, outcomes: &[Option<Outcome>]) {
        let mut done = Operations::default();
        outcomes.iter().flatten().for_each(|outcome| done.add(outcome));
        for (count, more) in [
            (&self.ranges, done.ranges),
            (&self.puts, done.puts),
            (&self.deletes, done.deletes),
            (&self.txns, done.txns),
        ] {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// A range has been read.
    pub(crate) fn read(&self) {
        self.ranges.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Operations {
        Operations {
            ranges: self.ranges.load(Ordering::Relaxed),
            puts: self.puts.load(Ordering::Relaxed),
            deletes: self.deletes.load(Ordering::Relaxed),
            txns: self.txns.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_store::Error;

    #[test]
    fn steps_are_counted_where_they_are_and_refusals_are_not() {
        let put = || OpResponse::Put { prev_kv: None };
        let delete = OpResponse::Delete { deleted: 0, prev_kvs: Vec::new() };
        let txn = |responses| TxnResponse {
            revision: quorate_types::Revision(2),
            succeeded: true,
            responses,
        };
        let nested = OpResponse::Txn(txn(vec![put(), delete]));
        let outcomes = [
            Some(Ok(Reply::Txn(txn(vec![put()])))),
            None,
            Some(Err(Error::NoSpace)),
            Some(Ok(Reply::Batch(vec![Ok(Reply::Txn(txn(vec![put(), nested])))]))),
        ];
        let counter = Counter::default();
        counter.applied(&outcomes);
        counter.read();
        assert_eq!(counter.counts(), Operations { ranges: 1, puts: 3, deletes: 1, txns: 1 });
    }
}
