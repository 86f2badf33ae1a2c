//! Where the store stands, as this handle has seen it.

use quorate_store::Status;
use quorate_types::{MemberId, Revision, Term};
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::watch;

/// What answers have told so far. Revisions only grow.
#[derive(Debug)]
pub(crate) struct Standing {
    revision: AtomicI64,
    compacted: AtomicI64,
    led: watch::Sender<Status>,
}

impl Standing {
    pub(crate) fn new(member: MemberId) -> Self {
        let led = watch::Sender::new(Status { member, ..Status::default() });
        Self { revision: AtomicI64::new(0), compacted: AtomicI64::new(0), led }
    }

    pub(crate) fn saw(&self, revision: Revision) {
        self.revision.fetch_max(revision.0, Ordering::AcqRel);
    }

    pub(crate) fn saw_compacted(&self, revision: Revision) {
        self.compacted.fetch_max(revision.0, Ordering::AcqRel);
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision(self.revision.load(Ordering::Acquire))
    }

    /// Notes who leads; the term stays when nobody does.
    pub(crate) fn led_by(&self, leader: Option<(MemberId, Term)>) {
        let (revision, compacted) = (self.revision(), self.compacted());
        self.led.send_if_modified(|status| {
            let before = (status.leader, status.term);
            status.leader = leader.map(|(member, _)| member);
            status.term = leader.map_or(status.term, |(_, term)| term);
            (status.revision, status.compacted) = (revision, compacted);
            before != (status.leader, status.term)
        });
    }

    fn compacted(&self) -> Revision {
        Revision(self.compacted.load(Ordering::Acquire))
    }

    pub(crate) fn status(&self) -> Status {
        let led = *self.led.borrow();
        Status { revision: self.revision(), compacted: self.compacted(), ..led }
    }

    pub(crate) fn follow(&self) -> watch::Receiver<Status> {
        self.led.subscribe()
    }
}
