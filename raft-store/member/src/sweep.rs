//! Removing what was compacted, a little at a time and apart from writes.
//!
//! Invariants: an apply waits for one step at most; on an idle member compaction is finished, too.

use quorate_mvcc::Mvcc;
use quorate_seams::SharedClock;
use std::sync::Weak;
use std::time::Duration;

/// Changes visited in one step: about a millisecond.
const STEP: usize = 256;
/// Time between steps, for everything else that the state has to do.
const PAUSE: Duration = Duration::from_millis(2);
/// How often to look whether something was compacted.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Runs for the life of a member.
pub(crate) async fn drive(state: Weak<Mvcc>, clock: SharedClock) {
    loop {
        let Some(swept) = state.upgrade().map(|state| state.sweep(STEP)) else { return };
        match swept {
            Ok(true) => clock.sleep(PAUSE).await,
            Ok(false) => clock.sleep(LOOK_AGAIN).await,
            // Apply meets the same database, and says so to everyone who waits.
            Err(error) => {
                tracing::error!(%error, "compaction stops: the state cannot be swept");
                return;
            }
        }
    }
}
