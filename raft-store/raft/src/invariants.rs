//! The invariants that openraft states of itself, checked on request: what lies inside of what between
//! the purged, the durable, the applied, the committed and the last entry. In a build with debug
//! assertions for the crate `validit`, openraft checks them at every access as well, which costs a
//! third of a simulation's time.

use crate::consensus::Consensus;
use validit::Validate;

impl Consensus {
    /// The invariant that this member's consensus breaks; `None` if there is none, or if it has ended.
    pub async fn broken_invariant(&self) -> Option<String> {
        let checked = self
            .inner
            .raft
            .with_raft_state(|state| state.validate().map_err(|error| error.to_string()));
        checked.await.ok()?.err()
    }
}
