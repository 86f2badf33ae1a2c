//! Where the member stands, for those who follow leadership.

use quorate_mvcc::Mvcc;
use quorate_raft::{Consensus, Leadership};
use quorate_store::Status;
use quorate_types::MemberId;
use std::sync::Arc;
use tokio::sync::watch;

/// A task that follows leadership, and what it finds.
pub(crate) fn follow(
    member: MemberId,
    consensus: &Consensus,
    state: Arc<Mvcc>,
) -> (impl Future<Output = ()> + Send + use<>, watch::Receiver<Status>) {
    let mut leadership = consensus.leadership();
    let first = status_of(member, &leadership.borrow(), &state);
    let (known, status) = watch::channel(first);
    let task = async move {
        loop {
            let now = status_of(member, &leadership.borrow_and_update(), &state);
            known.send_if_modified(|old| {
                let changed = (old.leader, old.term) != (now.leader, now.term);
                *old = now;
                changed
            });
            if leadership.changed().await.is_err() {
                return;
            }
        }
    };
    (task, status)
}

pub(crate) fn status_of(member: MemberId, view: &Leadership, state: &Mvcc) -> Status {
    Status {
        revision: state.revision(),
        compacted: state.compacted(),
        member,
        leader: view.leader,
        term: view.term,
    }
}
