//! When leases expire: the leader's memory, never in the log.
//!
//! Place: the member on which the leader runs promotes a keeper, feeds it grants and revocations as
//! they are applied and renewals as clients ask, and proposes to revoke what it reports. Followers'
//! keepers are empty.
//!
//! Invariants: pure, time comes in as an argument. No lease is reported before its time to live has
//! passed since the last of grant, renewal and promotion. A reported lease is not renewed any more:
//! its revocation may already be on the way.

use quorate_seams::{Monotonic, bug};
use quorate_types::LeaseId;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// How long after a report an unrevoked lease is reported again: its revocation may have failed.
const REPORT_AGAIN: Duration = Duration::from_secs(1);

/// The deadlines of all leases while leading.
///
/// ```
/// use quorate_mvcc::lease::LeaseKeeper;
/// use quorate_seams::Monotonic;
/// use quorate_types::LeaseId;
/// use std::time::Duration;
///
/// let at = |seconds| Monotonic(Duration::from_secs(seconds));
/// let mut keeper = LeaseKeeper::new();
/// keeper.promote([(LeaseId(7), 10)], at(100), Duration::from_secs(1));
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
}

#[derive(Debug)]
struct Kept {
    ttl: Duration,
    deadline: Monotonic,
    due: Monotonic,
    reported: bool,
}

impl LeaseKeeper {
    /// A keeper that does not lead.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to lead with these leases and times to live in seconds: each gets its full time and
    /// `extend` on top, because nobody knows when the former leader renewed it last.
    pub fn promote(
        &mut self,
        leases: impl IntoIterator<Item = (LeaseId, i64)>,
        now: Monotonic,
        extend: Duration,
    ) {
        self.demote();
        self.leading = true;
        for (id, ttl_seconds) in leases {
            let ttl = seconds(ttl_seconds);
            let ttl_left = if bug("lease-short-after-election") { ttl / 8 } else { ttl + extend };
            self.keep(id, ttl, now + ttl_left);
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
            self.keep(id, ttl, now + ttl);
        }
    }

    /// A lease was revoked.
    pub fn revoke(&mut self, id: LeaseId) {
        if let Some(kept) = self.leases.remove(&id) {
            self.due.remove(&(kept.due, id));
        }
    }

    /// Renews a lease for its whole time to live, which is returned. `None` if it is not known, was
    /// reported as expired, or the keeper does not lead.
    pub fn renew(&mut self, id: LeaseId, now: Monotonic) -> Option<Duration> {
        let renewable = |kept: &&mut Kept| !kept.reported || bug("lease-renewed-after-report");
        let kept = self.leases.get_mut(&id).filter(renewable)?;
        let ttl = if bug("lease-renewal-shortens") { kept.ttl / 2 } else { kept.ttl };
        // A promotion's extension is never taken back.
        let deadline = kept.deadline.max(now + ttl);
        self.due.remove(&(kept.due, id));
        self.keep(id, ttl, deadline);
        Some(ttl)
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

    fn keep(&mut self, id: LeaseId, ttl: Duration, deadline: Monotonic) {
        let kept = Kept { ttl, deadline, due: deadline, reported: false };
        if let Some(old) = self.leases.insert(id, kept) {
            self.due.remove(&(old.due, id));
        }
        self.due.insert((deadline, id));
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
        keeper.promote([(A, 5)], at(100), Duration::from_secs(3));
        assert_eq!(keeper.remaining(A, at(100)), Some(Duration::from_secs(8)));
        assert_eq!(keeper.renew(A, at(101)), Some(Duration::from_secs(5)));
        assert!(keeper.expired(at(107)).is_empty(), "a renewal takes nothing away");
        assert_eq!(keeper.expired(at(108)), [A]);
    }

    #[test]
    fn a_reported_lease_cannot_be_renewed_and_is_reported_again_until_revoked() {
        let mut keeper = LeaseKeeper::new();
        keeper.promote([(A, 5)], at(0), Duration::ZERO);
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
        keeper.promote([(A, 5)], at(0), Duration::ZERO);
        assert_eq!(keeper.renew(A, at(9)), Some(Duration::from_secs(5)));
        assert!(keeper.expired(at(13)).is_empty());
        assert_eq!(keeper.expired(at(14)), [A]);
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
                            model.iter().map(|(id, (ttl, _))| (LeaseId(*id), *ttl)).collect();
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
