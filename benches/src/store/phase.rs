//! The phases that every load passes: warm, measured, over.

use super::Failure;
use quorate_seams::SharedClock;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// Where a load stands; shared with those who drive it.
#[derive(Debug, Default)]
pub(crate) struct Phase(AtomicU8);

impl Phase {
    pub(crate) fn is_measured(&self) -> bool {
        self.0.load(Ordering::Relaxed) == MEASURED
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= OVER
    }

    /// Ends it at once.
    pub(crate) fn fail(&self) {
        self.0.store(OVER, Ordering::Relaxed);
    }
}

/// How long each phase lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phases {
    pub(crate) warm: Duration,
    pub(crate) measured: Duration,
}

impl Phases {
    /// Passes through them; `mark` is called at both ends of the measured time, whose length is
    /// returned.
    pub(crate) async fn pass(
        &self,
        clock: &SharedClock,
        phase: &Phase,
        mut mark: impl FnMut() -> Result<(), Failure>,
    ) -> Result<Duration, Failure> {
        clock.sleep(self.warm).await;
        if phase.is_over() {
            return Err("the load ended before it was measured".into());
        }
        let first = mark();
        let began = clock.now();
        phase.0.store(MEASURED, Ordering::Relaxed);
        clock.sleep(self.measured).await;
        let early = phase.is_over();
        phase.0.store(OVER, Ordering::Relaxed);
        let lasted = clock.now() - began;
        first.and(mark())?;
        if early { Err("the load ended while it was measured".into()) } else { Ok(lasted) }
    }
}

/// What a load has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How long it was measured.
    lasted: Duration,
    /// Microseconds that each request took, sorted, by class.
    latencies: BTreeMap<usize, Vec<u32>>,
}

impl Seen {
    /// Brings together what each driver has seen: classes and microseconds.
    pub(crate) fn new(reports: Vec<Vec<(usize, u32)>>, lasted: Duration) -> Self {
        let mut latencies: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (class, micros) in reports.into_iter().flatten() {
            latencies.entry(class).or_default().push(micros);
        }
        latencies.values_mut().for_each(|list| list.sort_unstable());
        Self { lasted, latencies }
    }

    /// Requests answered while it was measured.
    #[allow(clippy::cast_precision_loss, reason = "a figure to print")]
    pub(crate) fn operations(&self) -> f64 {
        self.latencies.values().map(Vec::len).sum::<usize>() as f64
    }

    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.operations() / self.lasted.as_secs_f64()
    }

    /// Microseconds that a share of the requests of a class did not exceed.
    pub(crate) fn quantile(&self, class: usize, share: f64) -> f64 {
        self.latencies.get(&class).map_or(f64::NAN, |sorted| quantile(sorted, share))
    }
}

/// The value that a share of sorted values does not exceed.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into a list of samples"
)]
pub(crate) fn quantile(sorted: &[u32], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * share).round() as usize;
    sorted.get(at).map_or(f64::NAN, |micros| f64::from(*micros))
}
