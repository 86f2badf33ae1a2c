//! Since when pods serve, for workloads that ask for a minimum of it (`minReadySeconds`).
//!
//! Measured by this process's monotonic clock from when it saw a pod ready; another leader starts
//! anew.

use quorate_seams::Monotonic;
use quorate_types::{ObjectKey, Uid};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is remembered of all workloads of a kind.
#[derive(Debug, Default)]
pub(crate) struct ReadySince(Mutex<BTreeMap<ObjectKey, BTreeMap<Uid, Monotonic>>>);

/// The pods that have served for long enough, and when the next one will have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Available {
    pub(crate) pods: BTreeSet<Uid>,
    pub(crate) next: Option<Duration>,
}

impl ReadySince {
    /// Takes note of the pods of a workload that are ready now.
    pub(crate) fn observe(
        &self,
        key: &ObjectKey,
        ready: &BTreeSet<Uid>,
        minimum: Option<i32>,
        now: Monotonic,
    ) -> Available {
        let minimum = Duration::from_secs(u64::try_from(minimum.unwrap_or(0)).unwrap_or(0));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = all.entry(key.clone()).or_default();
        since.retain(|uid, _| ready.contains(uid));
        let mut available = Available::default();
        for uid in ready {
            let left = (*since.entry(uid.clone()).or_insert(now) + minimum) - now;
            if left.is_zero() {
                available.pods.insert(uid.clone());
            } else {
                available.next = Some(available.next.map_or(left, |next| next.min(left)));
            }
        }
        available
    }

    /// Forgets a workload that is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
