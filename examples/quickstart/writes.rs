//! A writer that remembers every acknowledged write, to prove that none is lost.

use quorate::store::{Certainty, RangeRequest, SharedStore, Txn};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const PREFIX: &str = "/demo/writes/";

#[derive(Debug, Default)]
struct Journal {
    acknowledged: Vec<u64>,
    unknown: u64,
    last: Option<Instant>,
    longest_gap: Duration,
}

pub(crate) struct Writes {
    journal: Arc<Mutex<Journal>>,
    store: SharedStore,
    writer: JoinHandle<()>,
}

/// What became of the writes.
pub(crate) struct Verdict {
    pub(crate) acknowledged: usize,
    pub(crate) unknown: u64,
    pub(crate) lost: usize,
    pub(crate) longest_gap: Duration,
}

impl Writes {
    #[allow(clippy::disallowed_methods, reason = "a client outside the cluster has its own tasks")]
    pub(crate) fn start(store: SharedStore) -> Self {
        let journal = Arc::new(Mutex::new(Journal::default()));
        let writer = tokio::spawn(write(store.clone(), journal.clone()));
        Self { journal, store, writer }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).acknowledged.len()
    }

    /// Stops writing, then looks every acknowledged write up.
    pub(crate) async fn finish(self) -> Result<Verdict, quorate::store::Error> {
        self.writer.abort();
        let found = self.store.range(RangeRequest::prefix(PREFIX)).await?;
        let journal =
            std::mem::take(&mut *self.journal.lock().unwrap_or_else(PoisonError::into_inner));
        let stored = |number: &&u64| {
            let key = key(**number);
            !found.kvs.iter().any(|kv| kv.key == key.as_bytes() && kv.value == key.as_bytes())
        };
        Ok(Verdict {
            acknowledged: journal.acknowledged.len(),
            unknown: journal.unknown,
            lost: journal.acknowledged.iter().filter(stored).count(),
            longest_gap: journal.longest_gap,
        })
    }
}

fn key(number: u64) -> String {
    format!("{PREFIX}{number:08}")
}

#[allow(clippy::disallowed_methods, reason = "the demo measures real time from outside")]
async fn write(store: SharedStore, journal: Arc<Mutex<Journal>>) {
    for number in 0.. {
        let outcome = store.txn(Txn::put(key(number), key(number))).await;
        {
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(_) => {
                    let now = Instant::now();
                    let gap = journal.last.replace(now).map(|last| now - last);
                    journal.longest_gap = journal.longest_gap.max(gap.unwrap_or_default());
                    journal.acknowledged.push(number);
                }
                Err(error) if error.certainty() == Certainty::Unknown => journal.unknown += 1,
                Err(_) => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
