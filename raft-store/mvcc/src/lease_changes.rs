//! Telling lease keepers which leases come and go as entries are applied.
//!
//! Place: [`crate::Mvcc`] publishes, the member's leader part follows. Apply never waits: a
//! follower that falls behind by more than [`LIMIT`] changes is told to read all leases anew.

use quorate_types::LeaseId;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Notify;

/// Most changes kept for one follower.
const LIMIT: usize = 64 * 1024;

/// One lease came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// A lease was granted.
    Granted {
        /// Which.
        id: LeaseId,
        /// Its time to live in seconds.
        ttl_seconds: i64,
    },
    /// A lease was revoked.
    Revoked {
        /// Which.
        id: LeaseId,
    },
}

/// What happened to the leases since the last update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseUpdate {
    /// These changes, in order.
    Changes(Vec<LeaseChange>),
    /// Too much, or the state was replaced: take [`crate::Mvcc::leases`] as they are now. Later
    /// updates may repeat changes that are already in them.
    Reload,
}

/// Follows the changes from the moment it was made.
#[derive(Debug)]
pub struct LeaseChanges {
    inbox: Arc<Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    pending: Mutex<Option<LeaseUpdate>>,
    arrived: Notify,
}

impl LeaseChanges {
    /// Waits for an update. Cancelling it loses nothing.
    pub async fn next(&mut self) -> LeaseUpdate {
        loop {
            if let Some(update) = self.try_next() {
                return update;
            }
            self.inbox.arrived.notified().await;
        }
    }

    /// The update that is there already, if there is one.
    pub fn try_next(&mut self) -> Option<LeaseUpdate> {
        self.inbox.pending.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The publishing side.
#[derive(Debug, Default)]
pub(crate) struct LeaseFeed {
    inboxes: Mutex<Vec<Weak<Inbox>>>,
}

impl LeaseFeed {
    pub(crate) fn follow(&self) -> LeaseChanges {
        let inbox = Arc::new(Inbox::default());
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&inbox));
        LeaseChanges { inbox }
    }

    pub(crate) fn publish(&self, changes: &[LeaseChange]) {
        if !changes.is_empty() {
            self.deliver(&LeaseUpdate::Changes(changes.to_vec()));
        }
    }

    pub(crate) fn reload(&self) {
        self.deliver(&LeaseUpdate::Reload);
    }

    fn deliver(&self, update: &LeaseUpdate) {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner).retain(|inbox| {
            let Some(inbox) = inbox.upgrade() else { return false };
            let mut pending = inbox.pending.lock().unwrap_or_else(PoisonError::into_inner);
            *pending = Some(merged(pending.take(), update));
            drop(pending);
            inbox.arrived.notify_one();
            true
        });
    }
}

fn merged(pending: Option<LeaseUpdate>, update: &LeaseUpdate) -> LeaseUpdate {
    match (pending, update) {
        (None, update) => update.clone(),
        (Some(LeaseUpdate::Changes(mut changes)), LeaseUpdate::Changes(more))
            if changes.len() + more.len() <= LIMIT =>
        {
            changes.extend(more);
            LeaseUpdate::Changes(changes)
        }
        _ => LeaseUpdate::Reload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANTED: LeaseChange = LeaseChange::Granted { id: LeaseId(1), ttl_seconds: 5 };
    const REVOKED: LeaseChange = LeaseChange::Revoked { id: LeaseId(1) };

    #[tokio::test]
    async fn changes_arrive_in_order_from_the_moment_of_following() {
        let feed = LeaseFeed::default();
        feed.publish(&[GRANTED]);
        let mut follower = feed.follow();
        assert_eq!(follower.try_next(), None);
        feed.publish(&[GRANTED]);
        feed.publish(&[REVOKED]);
        assert_eq!(follower.next().await, LeaseUpdate::Changes(vec![GRANTED, REVOKED]));
        assert_eq!(follower.try_next(), None);
    }

    #[test]
    fn a_follower_that_falls_behind_is_told_to_reload() {
        let feed = LeaseFeed::default();
        let mut follower = feed.follow();
        for _ in 0..=LIMIT {
            feed.publish(&[GRANTED]);
        }
        assert_eq!(follower.try_next(), Some(LeaseUpdate::Reload));
        feed.publish(&[REVOKED]);
        assert_eq!(follower.try_next(), Some(LeaseUpdate::Changes(vec![REVOKED])));
    }
}
