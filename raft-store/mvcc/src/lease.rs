//! When leases expire: the leader's memory, never in the log.
//!
//! Place: the member on which the leader runs promotes a keeper, feeds it grants and revocations as
//! they are applied and renewals as clients ask, and proposes to revoke what it reports. Followers'
//! keepers are empty.
//!
//! Invariants: pure, time comes in as an argument. No lease is reported before its time to live has
//! passed since the last of grant and renewal, whichever leader took it; a leader that does not know
//! when that was begins with what the last checkpoint left, or with the whole time if there is none.
//! A reported lease is not renewed any more: its revocation may already be on the way.
//!
//! Checkpoints keep a change of leaders from giving long leases their whole time again. What a
//! checkpoint has recorded must be taken back through the log before a renewal is acknowledged
//! ([`LeaseKeeper::is_checkpointed`]): the next leader would count from it otherwise.

use quorate_seams::{Monotonic, bug};
use quorate_types::LeaseId;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// How long after a report an unrevoked lease is reported again: its revocation may have failed.
const REPORT_AGAIN: Duration = Duration::from_secs(1);

/// How often the remaining time of a lease is recorded, if that much of it is left (etcd's
/// interval).
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(300);

/// A lease as the replicated state knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredLease {
    /// Its id.
    pub id: LeaseId,
    /// The time to live it was granted with, in seconds.
    pub ttl_seconds: i64,
    /// What was left of it at the last checkpoint, in seconds; zero for all of it.
    pub remaining_seconds: i64,
}

/// The deadlines of all leases while leading.
///
/// ```
/// use quorate_mvcc::StoredLease;
/// use quorate_mvcc::lease::LeaseKeeper;
/// use quorate_seams::Monotonic;
/// use quorate_types::LeaseId;
/// use std::time::Duration;
///
/// let at = |seconds| Monotonic(Duration::from_secs(seconds));
/// let lease = StoredLease { id: LeaseId(7), ttl_seconds: 10, remaining_seconds: 0 };
/// let mut keeper = LeaseKeeper::new();
/// keeper.promote([lease], at(100), Duration::from_secs(1));
/// assert!(keeper.expired(at(110)).is_empty());
/// assert_eq!(keeper.renew(LeaseId(7), at(110)), Some(Duration::from_secs(10)));
/// assert_eq!(keeper.next_deadline(), Some(at(120)));
/// assert_eq!(keeper.expired(at(120)), [LeaseId(7)]);
/// ```
#[derive(Debug, Default)]
pub struct LeaseKeeper {
    leading: bool,
    leases: HashMap<LeaseId, Kept>,
    /// When to look at which lease: its deadline, or later if it was reported already.
    due: BTreeSet<(Monotonic, LeaseId)>,
    /// When to record what is left of which lease.
    checkpoints: BTreeSet<(Monotonic, LeaseId)>,
}

#[derive(Debug)]
struct Kept {
    ttl: Duration,
    deadline: Monotonic,
    due: Monotonic,
    reported: bool,
    /// When its remaining time is to be recorded, if it lives that long.
    checkpoint: Option<Monotonic>,
    /// The replicated state may hold less than the whole time.
    checkpointed: bool,
}

impl LeaseKeeper {
    /// A keeper that does not lead.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to lead with these leases: each gets what its last checkpoint left of it, otherwise
    /// its full time, because nobody knows when the former leader renewed it last; and `extend` on
    /// top.
    pub fn promote(
        &mut self,
        leases: impl IntoIterator<Item = StoredLease>,
        now: Monotonic,
        extend: Duration,
    ) {
        self.demote();
        self.leading = true;
        for StoredLease { id, ttl_seconds, remaining_seconds } in leases {
            let checkpointed = remaining_seconds > 0;
            let left = seconds(if checkpointed { remaining_seconds } else { ttl_seconds });
            let left = if bug("lease-short-after-election") { left / 8 } else { left + extend };
            self.keep(id, seconds(ttl_seconds), now + left, now);
            if let Some(kept) = self.leases.get_mut(&id) {
                kept.checkpointed = checkpointed;
            }
        }
    }

    /// Ceases to lead and forgets everything.
    pub fn demote(&mut self) {
        *self = Self::default();
    }

    /// Whether it leads.
    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.leading
    }

    /// A lease was granted, with a time to live in seconds. One that is known already is left as it
    /// is; ignored while not leading.
    pub fn grant(&mut self, id: LeaseId, ttl_seconds: i64, now: Monotonic) {
        if self.leading && !self.leases.contains_key(&id) {
            let ttl = seconds(ttl_seconds);
            self.keep(id, ttl, now + ttl, now);
        }
    }

    /// A lease was revoked.
    pub fn revoke(&mut self, id: LeaseId) {
        self.forget(id);
    }

    /// Renews a lease for its whole time to live, which is returned. `None` if it is not known, was
    /// reported as expired, or the keeper does not lead. See [`LeaseKeeper::is_checkpointed`].
    pub fn renew(&mut self, id: LeaseId, now: Monotonic) -> Option<Duration> {
        let renewable = |kept: &&Kept| !kept.reported || bug("lease-renewed-after-report");
        let kept = self.leases.get(&id).filter(renewable)?;
        let checkpointed = kept.checkpointed;
        let ttl = if bug("lease-renewal-shortens") { kept.ttl / 2 } else { kept.ttl };
        // A promotion's extension is never taken back.
        let deadline = kept.deadline.max(now + ttl);
        self.keep(id, ttl, deadline, now);
        if let Some(kept) = self.leases.get_mut(&id) {
            kept.checkpointed = checkpointed;
        }
        Some(ttl)
    }

    /// Whether a checkpoint of this lease may stand in the replicated state: a checkpoint of zero
    /// must be applied before a renewal is acknowledged.
    #[must_use]
    pub fn is_checkpointed(&self, id: LeaseId) -> bool {
        self.leases.get(&id).is_some_and(|kept| kept.checkpointed)
    }

    /// The replicated state holds the whole time of a lease again.
    pub fn checkpoint_cleared(&mut self, id: LeaseId) {
        if let Some(kept) = self.leases.get_mut(&id) {
            kept.checkpointed = false;
        }
    }

    /// The leases whose remaining seconds are to be recorded now, at most `most`, rounded up. Those
    /// that are returned count as checkpointed from now on.
    pub fn due_checkpoints(&mut self, now: Monotonic, most: usize) -> Vec<(LeaseId, i64)> {
        let mut due = Vec::new();
        while let Some((at, id)) = self.checkpoints.first().copied()
            && at <= now
            && due.len() < most
        {
            self.checkpoints.remove(&(at, id));
            if let Some(kept) = self.leases.get_mut(&id) {
                kept.checkpoint = None;
                due.extend(kept.checkpoint_now(now).map(|left| (id, left)));
            }
            self.schedule(id, now);
        }
        due
    }

    /// The remaining seconds of all leases of which some time has passed, rounded up: what a leader
    /// hands over. All of them count as checkpointed from now on.
    pub fn hand_over(&mut self, now: Monotonic) -> Vec<(LeaseId, i64)> {
        let left = self
            .leases
            .iter_mut()
            .filter_map(|(id, kept)| kept.checkpoint_now(now).map(|left| (*id, left)));
        let mut left: Vec<_> = left.collect();
        left.sort_unstable();
        left
    }

    /// When [`LeaseKeeper::due_checkpoints`] will next have something to record.
    #[must_use]
    pub fn next_checkpoint(&self) -> Option<Monotonic> {
        self.checkpoints.first().map(|(at, _)| *at)
    }

    /// Time until a lease expires; zero once it has.
    #[must_use]
    pub fn remaining(&self, id: LeaseId, now: Monotonic) -> Option<Duration> {
        self.leases.get(&id).map(|kept| kept.deadline - now)
    }

    /// The time to live a lease was granted with.
    #[must_use]
    pub fn granted(&self, id: LeaseId) -> Option<Duration> {
        self.leases.get(&id).map(|kept| kept.ttl)
    }

    /// The leases to revoke now, longest overdue first. Each is reported once, and again a second
    /// later for as long as it is not revoked.
    pub fn expired(&mut self, now: Monotonic) -> Vec<LeaseId> {
        let mut expired = Vec::new();
        while let Some((due, id)) = self.due.first().copied()
            && due <= now
        {
            self.due.remove(&(due, id));
            let kept = self.leases.get_mut(&id).expect("every due lease is kept");
            kept.reported = true;
            kept.due = now + REPORT_AGAIN;
            self.due.insert((kept.due, id));
            expired.push(id);
        }
        expired
    }

    /// When [`LeaseKeeper::expired`] will next have something to report.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.due.first().map(|(due, _)| *due)
    }

    fn keep(&mut self, id: LeaseId, ttl: Duration, deadline: Monotonic, now: Monotonic) {
        self.forget(id);
        let kept = Kept {
            ttl,
            deadline,
            due: deadline,
            reported: false,
            checkpoint: None,
            checkpointed: false,
        };
        self.leases.insert(id, kept);
        self.due.insert((deadline, id));
        self.schedule(id, now);
    }

    fn forget(&mut self, id: LeaseId) {
        if let Some(kept) = self.leases.remove(&id) {
            self.due.remove(&(kept.due, id));
            if let Some(at) = kept.checkpoint {
                self.checkpoints.remove(&(at, id));
            }
        }
    }

    /// Only leases that outlive the interval are worth an entry.
    fn schedule(&mut self, id: LeaseId, now: Monotonic) {
        let Some(kept) = self.leases.get_mut(&id) else { return };
        let at = now + CHECKPOINT_EVERY;
        if kept.checkpoint.is_none() && kept.deadline > at {
            kept.checkpoint = Some(at);
            self.checkpoints.insert((at, id));
        }
    }
}

impl Kept {
    /// The seconds to record; `None` if the lease is over or has all of its time.
    fn checkpoint_now(&mut self, now: Monotonic) -> Option<i64> {
        let left = self.deadline - now;
        let whole = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
        if self.reported || left.is_zero() || whole >= self.ttl.as_secs() {
            return None;
        }
        self.checkpointed = true;
        i64::try_from(whole).ok()
    }
}

/// Applied leases have a positive time to live; one that has none would expire at once.
fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    const A: LeaseId = LeaseId(1);

    /// A lease that was never checkpointed.
    fn whole(id: LeaseId, ttl_seconds: i64) -> StoredLease {
        StoredLease { id, ttl_seconds, remaining_seconds: 0 }
    }

    #[test]
    fn a_follower_keeps_nothing() {
        let mut keeper = LeaseKeeper::new();
        keeper.grant(A, 5, at(0));
        assert_eq!(keeper.renew(A, at(1)), None);
        assert_eq!(keeper.next_deadline(), None);
    }

    #[test]
    fn promotion_gives_the_full_time_and_the_extension() {
        let mut keeper = LeaseKeeper::new();
        keeper.promote([whole(A, 5)], at(100), Duration::from_secs(3));
        assert_eq!(keeper.remaining(A, at(100)), Some(Duration::from_secs(8)));
        assert_eq!(keeper.renew(A, at(101)), Some(Duration::from_secs(5)));
        assert!(keeper.expired(at(107)).is_empty(), "a renewal takes nothing away");
        assert_eq!(keeper.expired(at(108)), [A]);
    }

    #[test]
    fn a_reported_lease_cannot_be_renewed_and_is_reported_again_until_revoked() {
        let mut keeper = LeaseKeeper::new();
        keeper.promote([whole(A, 5)], at(0), Duration::ZERO);
        assert_eq!(keeper.expired(at(5)), [A]);
        assert!(keeper.expired(at(5)).is_empty());
        assert_eq!(keeper.renew(A, at(5)), None);
        assert_eq!(keeper.next_deadline(), Some(at(6)));
        assert_eq!(keeper.expired(at(6)), [A]);
        keeper.revoke(A);
        assert!(keeper.expired(at(60)).is_empty());
        assert_eq!(keeper.next_deadline(), None);
    }

    #[test]
    fn a_late_renewal_before_the_report_still_counts() {
        let mut keeper = LeaseKeeper::new();
        keeper.promote([whole(A, 5)], at(0), Duration::ZERO);
        assert_eq!(keeper.renew(A, at(9)), Some(Duration::from_secs(5)));
        assert!(keeper.expired(at(13)).is_empty());
        assert_eq!(keeper.expired(at(14)), [A]);
    }

    #[test]
    fn long_leases_are_checkpointed_again_and_again_and_short_ones_never() {
        let mut keeper = LeaseKeeper::new();
        keeper.promote([whole(A, 1000), whole(LeaseId(2), 300)], at(0), Duration::ZERO);
        assert_eq!(keeper.next_checkpoint(), Some(at(300)));
        assert!(keeper.due_checkpoints(at(299), 9).is_empty());
        assert!(!keeper.is_checkpointed(A));
        assert_eq!(keeper.due_checkpoints(at(300), 9), [(A, 700)]);
        assert!(keeper.is_checkpointed(A));
        assert_eq!(keeper.due_checkpoints(at(601), 9), [(A, 399)]);
        assert_eq!(keeper.due_checkpoints(at(901), 9), [(A, 99)]);
        assert_eq!(keeper.next_checkpoint(), None, "what is left is no longer worth it");
    }

    #[test]
    fn a_new_leader_goes_on_with_what_the_checkpoint_left() {
        let mut keeper = LeaseKeeper::new();
        let lease = StoredLease { remaining_seconds: 40, ..whole(A, 1000) };
        keeper.promote([lease], at(100), Duration::from_secs(2));
        assert_eq!(keeper.remaining(A, at(100)), Some(Duration::from_secs(42)));
        assert!(keeper.is_checkpointed(A), "its renewal must be recorded first");
        assert_eq!(keeper.renew(A, at(110)), Some(Duration::from_secs(1000)));
        assert!(keeper.is_checkpointed(A));
        keeper.checkpoint_cleared(A);
        assert!(!keeper.is_checkpointed(A));
        assert_eq!(keeper.remaining(A, at(110)), Some(Duration::from_secs(1000)));
    }

    #[test]
    fn handing_over_tells_what_is_left_of_every_lease_that_has_lost_time() {
        let mut keeper = LeaseKeeper::new();
        keeper.promote([whole(A, 10), whole(LeaseId(2), 20)], at(0), Duration::ZERO);
        keeper.renew(LeaseId(2), at(4));
        keeper.grant(LeaseId(3), 2, at(1));
        assert_eq!(keeper.hand_over(at(4)), [(A, 6)], "2 is whole, 3 is over");
        assert!(keeper.is_checkpointed(A) && !keeper.is_checkpointed(LeaseId(2)));
    }

    #[derive(Clone, Debug)]
    enum Action {
        Grant(i64, i64),
        Renew(i64),
        Revoke(i64),
        Promote(u64),
        Wait(u64),
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            (1i64..5, 1i64..20).prop_map(|(id, ttl)| Action::Grant(id, ttl)),
            (1i64..5).prop_map(Action::Renew),
            (1i64..5).prop_map(Action::Revoke),
            (0u64..5).prop_map(Action::Promote),
            (0u64..10).prop_map(Action::Wait),
        ]
    }

    proptest! {
        #[test]
        fn nothing_expires_before_its_time(actions in proptest::collection::vec(action(), 0..80)) {
            let mut keeper = LeaseKeeper::new();
            keeper.promote([], at(0), Duration::ZERO);
            // The model: every live lease with its time to live and the last moment it was assured.
            let mut model: HashMap<i64, (i64, u64)> = HashMap::new();
            let mut now = 0;
            for action in actions {
                match action {
                    Action::Grant(id, ttl) => {
                        keeper.grant(LeaseId(id), ttl, at(now));
                        model.entry(id).or_insert((ttl, now));
                    }
                    Action::Renew(id) => {
                        if keeper.renew(LeaseId(id), at(now)).is_some() {
                            model.get_mut(&id).unwrap().1 = now;
                        }
                    }
                    Action::Revoke(id) => {
                        keeper.revoke(LeaseId(id));
                        model.remove(&id);
                    }
                    Action::Promote(extend) => {
                        let leases: Vec<_> =
                            model.iter().map(|(id, (ttl, _))| whole(LeaseId(*id), *ttl)).collect();
                        keeper.promote(leases, at(now), Duration::from_secs(extend));
                        for kept in model.values_mut() {
                            kept.1 = now;
                        }
                    }
                    Action::Wait(seconds) => now += seconds,
                }
                for id in keeper.expired(at(now)) {
                    let (ttl, since) = model[&id.0];
                    prop_assert!(since + ttl.unsigned_abs() <= now, "{id} expired early");
                }
                for (id, (ttl, since)) in &model {
                    let over = since + ttl.unsigned_abs() + 5 <= now;
                    let left = keeper.remaining(LeaseId(*id), at(now)).unwrap();
                    prop_assert!(!over || left.is_zero(), "{id} outlives every extension");
                }
            }
        }
    }
}
