//! Durations, counted by how long they were.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in microseconds: 1 ms and 13 doublings of it (etcd's buckets for its disks).
const BOUNDS_MICROS: [u64; 14] = [
    1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_024_000,
    2_048_000, 4_096_000, 8_192_000,
];

/// How many durations fell below each bound. Shared; counting waits for nothing.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// Not cumulative; the last is for what is above every bound.
    counts: [AtomicU64; BOUNDS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

/// A histogram as it is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Buckets {
    /// Bound in seconds and how many were not above it.
    pub(crate) below: Vec<(f64, u64)>,
    pub(crate) sum_seconds: f64,
    pub(crate) count: u64,
}

impl Histogram {
    pub(crate) fn seconds() -> Self {
        Self::default()
    }

    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Buckets {
        let mut count = 0;
        let mut below = Vec::with_capacity(BOUNDS_MICROS.len());
        for (at, own) in self.counts.iter().enumerate() {
            count += own.load(Ordering::Relaxed);
            if let Some(bound) = BOUNDS_MICROS.get(at) {
                below.push((Duration::from_micros(*bound).as_secs_f64(), count));
            }
        }
        let sum = Duration::from_micros(self.sum_micros.load(Ordering::Relaxed));
        Buckets { below, sum_seconds: sum.as_secs_f64(), count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_the_first_bound_that_holds_them() {
        let histogram = Histogram::seconds();
        for micros in [10, 1_000, 1_001, 9_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let told = histogram.read();
        assert_eq!(&told.below[..2], [(0.001, 2), (0.002, 3)]);
        assert_eq!(told.below.last(), Some(&(8.192, 3)));
        assert_eq!((told.count, told.sum_seconds), (4, 9.002_011));
    }
}
