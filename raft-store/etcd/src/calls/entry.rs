//! One call in the books.

use super::ledger::Ledger;
use super::rules::number;
use quorate_seams::Monotonic;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tonic::Code;

/// A call that has begun; dropped without an end it was cancelled by its caller.
#[derive(Debug)]
pub(crate) struct Entry {
    ledger: Arc<Ledger>,
    method: usize,
    begun: Option<Monotonic>,
    ended: bool,
}

impl Entry {
    pub(super) fn begin(ledger: &Arc<Ledger>, method: usize) -> Self {
        ledger.method(method).started.fetch_add(1, Ordering::Relaxed);
        let begun = ledger.begin(method);
        Self { ledger: Arc::clone(ledger), method, begun, ended: false }
    }

    /// The caller has been told a code.
    pub(super) fn end(mut self, code: Code) {
        self.close(code);
    }

    /// Messages have been sent to the caller.
    pub(super) fn sent(&self, messages: u64, bytes: u64) {
        self.ledger.method(self.method).sent.fetch_add(messages, Ordering::Relaxed);
        self.ledger.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn close(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let counts = self.ledger.method(self.method);
        if let Some(count) = counts.handled.get(number(code)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.ledger.took(self.method, self.begun);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.close(Code::Cancelled);
    }
}
