//! How many pods may be taken away. Pure.

use crate::share::{Round, resolve};
use quorate_kinds::PodDisruptionBudgetSpec;

/// What a budget comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Pods that there should be.
    pub(super) expected: i32,
    /// Pods that must serve.
    pub(super) desired: i32,
    /// Pods that do.
    pub(super) healthy: i32,
}

impl Counts {
    /// Pods that may be taken away.
    pub(super) fn allowed(self) -> i32 {
        if self.expected <= 0 { 0 } else { (self.healthy - self.desired).max(0) }
    }
}

/// Whether the budget is a share of what there should be, so that this has to be known.
pub(super) fn needs_scale(spec: &PodDisruptionBudgetSpec) -> bool {
    use quorate_kinds::IntOrString::String;
    spec.max_unavailable.is_some() || matches!(spec.min_available, Some(String(_)))
}

/// Counts what the spec asks for. Shares round up: towards more pods that serve for `minAvailable`,
/// and as Kubernetes has it for `maxUnavailable`.
pub(super) fn counts(
    spec: &PodDisruptionBudgetSpec,
    pods: i32,
    scale: i32,
    healthy: i32,
) -> Counts {
    let expected = if needs_scale(spec) { scale } else { pods };
    let desired = match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => (expected - resolve(most, expected, Round::Up)).max(0),
        (None, Some(least)) => resolve(least, expected, Round::Up),
        (None, None) => return Counts { healthy, ..Counts::default() },
    };
    Counts { expected, desired, healthy }
}
