//! The step function of a rollout: from the replica sets as they are to their next sizes.
//!
//! Pure. Repeated with pods becoming ready in between, it ends with the new set at full size and
//! every old one empty. At every step: no more than `desired + max_surge` pods are asked for (unless
//! there are more already, then none is added), and what is scaled down never takes the available
//! pods below `desired - max_unavailable`.

/// What a rollout may do at most, in pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// `spec.replicas`.
    pub(super) desired: i32,
    /// Pods above `desired` that may exist.
    pub(super) max_surge: i32,
    /// Pods below `desired` that may be unavailable.
    pub(super) max_unavailable: i32,
}

/// One replica set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Pods asked for: `spec.replicas`.
    pub(super) wanted: i32,
    /// Pods that exist and are not ending: `status.replicas`.
    pub(super) existing: i32,
    /// Pods that are available: `status.availableReplicas`.
    pub(super) available: i32,
}

/// The next `spec.replicas` of every set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Of the set with the wanted template.
    pub(super) new: i32,
    /// Of the others, in the order given.
    pub(super) old: Vec<i32>,
}

impl Limits {
    /// Fewest pods that must stay available.
    pub(super) fn min_available(&self) -> i32 {
        (self.desired - self.max_unavailable).max(0)
    }

    fn max_total(&self) -> i32 {
        self.desired.saturating_add(self.max_surge)
    }
}

impl Size {
    /// Available pods that remain once the set has its size: it gives up unavailable ones first.
    /// Counting so makes the step safe when the status lags behind the last step.
    fn kept_available(&self, size: i32) -> i32 {
        self.available.min(size)
    }

    /// Pods that exist now or will, whichever is more.
    fn occupied(&self) -> i32 {
        self.wanted.max(self.existing)
    }
}

/// One step of `RollingUpdate`. `old` is sorted with the oldest set first.
pub(super) fn rolling(new: Size, old: &[Size], limits: Limits) -> Sizes {
    let size = grow_new(new, old, limits);
    Sizes { new: size, old: shrink_old(new, size, old, limits) }
}

fn grow_new(new: Size, old: &[Size], limits: Limits) -> i32 {
    if new.wanted >= limits.desired {
        return limits.desired;
    }
    let total = new.occupied() + old.iter().map(Size::occupied).sum::<i32>();
    let room = (limits.max_total() - total).max(0);
    limits.desired.min(new.wanted + room)
}

fn shrink_old(new: Size, new_size: i32, old: &[Size], limits: Limits) -> Vec<i32> {
    let mut sizes: Vec<i32> = old.iter().map(|set| set.wanted).collect();
    let new_available = new.kept_available(new_size);
    let wanted_total = new_size + sizes.iter().sum::<i32>();
    let not_yet_available = new_size - new_available;
    let mut removable = wanted_total - limits.min_available() - not_yet_available;
    if removable <= 0 {
        return sizes;
    }
    // Pods that do not serve go first: taking them away costs nobody anything.
    for (size, set) in sizes.iter_mut().zip(old) {
        let unavailable = *size - set.kept_available(*size);
        let taken = unavailable.min(removable).max(0);
        *size -= taken;
        removable -= taken;
    }
    // With those gone, what may still be taken away is what serves above the minimum.
    for (size, set) in sizes.iter_mut().zip(old) {
        let taken = set.kept_available(*size).min(removable).max(0);
        *size -= taken;
        removable -= taken;
    }
    sizes
}

/// One step of `Recreate`: nothing new before everything old has ended, `old_left` counts it.
pub(super) fn recreate(new: Size, old: &[Size], old_left: i32, limits: Limits) -> Sizes {
    let all_gone = old_left == 0 && old.iter().all(|set| set.wanted == 0);
    let size = if all_gone { limits.desired } else { new.wanted.min(limits.desired) };
    Sizes { new: size, old: vec![0; old.len()] }
}

/// A paused deployment still follows `spec.replicas`, but does not exchange pods: the newest set
/// with pods takes the difference.
pub(super) fn paused(new: Option<Size>, old: &[Size], limits: Limits) -> (Option<i32>, Vec<i32>) {
    let mut new_size = new.map(|set| set.wanted);
    let mut sizes: Vec<i32> = old.iter().map(|set| set.wanted).collect();
    let total = new_size.unwrap_or(0) + sizes.iter().sum::<i32>();
    let mut difference = limits.desired - total;
    // During a rollout the surge is not a difference.
    if difference < 0 && new_size.is_some_and(|size| size > 0) && sizes.iter().any(|s| *s > 0) {
        difference = (difference + limits.max_surge).min(0);
    }
    let newest_first = new_size.iter_mut().chain(sizes.iter_mut().rev());
    let mut active: Vec<&mut i32> = newest_first.collect();
    if difference > 0 {
        let at = active.iter().position(|size| **size > 0).unwrap_or(0);
        if let Some(size) = active.get_mut(at) {
            **size += difference;
        }
    } else {
        for size in active.iter_mut().rev() {
            let taken = (**size).min(-difference);
            **size -= taken;
            difference += taken;
        }
    }
    (new_size, sizes)
}
