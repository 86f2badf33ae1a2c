//! The candidate and the reference, given the same requests.

use super::draw::{Draw, Mix, Step};
use crate::conformance::case::CaseResult;
use crate::conformance::{ClockControl, Fixture};
use crate::{Error, KeyRange, MemoryStore, RangeRequest};
use quorate_seams::ManualClock;
use quorate_types::Revision;
use std::fmt;
use std::mem::discriminant;
use std::time::Duration;

/// Leases of the random cases never end by themselves.
const LONG: Duration = Duration::from_secs(1_000_000);

/// Two stores that must not be told apart.
pub(super) struct Twins<'a> {
    candidate: &'a Fixture,
    reference: Fixture,
    mix: Mix,
}

impl<'a> Twins<'a> {
    pub(super) fn new(candidate: &'a Fixture, mix: Mix) -> Self {
        let clock = ManualClock::new();
        let store = MemoryStore::new(clock.clone());
        let reference = Fixture::new(store, ClockControl::Manual(clock));
        Self { candidate, reference, mix }
    }

    /// Runs so many steps, then compares all that can still be read and watched.
    pub(super) async fn run(&self, seed: u64, steps: usize) -> CaseResult {
        let draw = Draw::new(seed, self.mix);
        for number in 0..steps {
            let current = self.reference.store.status().revision;
            self.step(number, draw.step(current)).await?;
        }
        self.compare_past().await?;
        self.compare_history().await
    }

    async fn step(&self, number: usize, step: Step) -> CaseResult {
        let what = format!("step {number} {step:?}");
        let (candidate, reference) = (&*self.candidate.store, &*self.reference.store);
        match step {
            Step::Read(request) => {
                let want = reference.range(request.clone()).await;
                agree(&what, &candidate.range(request).await, &want)
            }
            Step::Txn(txn) => {
                let want = reference.txn(txn.clone()).await;
                agree(&what, &candidate.txn(txn).await, &want)
            }
            Step::Grant(id) => {
                let want = reference.lease_grant(id, LONG).await.map(|granted| granted.id);
                let got = candidate.lease_grant(id, LONG).await.map(|granted| granted.id);
                agree(&what, &got, &want)
            }
            Step::Revoke(id) => {
                let want = reference.lease_revoke(id).await;
                agree(&what, &candidate.lease_revoke(id).await, &want)
            }
            Step::Compact(revision) => {
                let want = reference.compact(revision).await;
                agree(&what, &candidate.compact(revision).await, &want)
            }
        }
    }

    async fn compare_past(&self) -> CaseResult {
        let status = self.reference.store.status();
        for revision in 1..=status.revision.0 {
            let request = RangeRequest::new(KeyRange::all()).at(Revision(revision));
            let want = self.reference.store.range(request.clone()).await;
            let got = self.candidate.store.range(request).await;
            agree(&format!("all keys at revision {revision}"), &got, &want)?;
        }
        let leases = self.reference.store.leases().await;
        agree("leases", &self.candidate.store.leases().await, &leases)
    }

    async fn compare_history(&self) -> CaseResult {
        let status = self.reference.store.status();
        let (from, last) = (status.compacted.next(), status.revision);
        let want = self.reference.watch_all(from).await?.until(last).await?;
        let got = self.candidate.watch_all(from).await?.until(last).await?;
        ensure_eq!(got.len(), want.len(), "events from revision {from} to {last}");
        for (got, want) in got.iter().zip(&want) {
            ensure_eq!(got, want, "event");
        }
        Ok(())
    }
}

/// Answers must be equal, refusals of the same kind.
fn agree<T: PartialEq + fmt::Debug>(
    what: &str,
    got: &Result<T, Error>,
    want: &Result<T, Error>,
) -> CaseResult {
    match (got, want) {
        (Err(got), Err(want)) => {
            ensure!(discriminant(got) == discriminant(want), "{what}: got {got}, want {want}");
        }
        _ => ensure_eq!(got, want, "{what}"),
    }
    Ok(())
}
