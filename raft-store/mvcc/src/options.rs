//! What can be set on the state.

use crate::Machines;
use quorate_types::ClusterId;

/// Settings of [`crate::Mvcc`]; the defaults suit a control plane in a small process.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster the state must belong to. It is recorded by the first open that names it, and
    /// every later open with another one is refused; `None` neither records nor checks.
    pub cluster: Option<ClusterId>,
    /// Most events kept in memory for watchers; older ones are read from the database. 16384.
    pub ring_events: usize,
    /// Most bytes of such events. 8 MiB.
    pub ring_bytes: usize,
    /// Most changes that compaction visits with each apply. 1024; 0 leaves it all to
    /// [`crate::Mvcc::sweep`].
    pub compaction_step: usize,
    /// The application's own commands: the same on every member.
    pub machines: Machines,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cluster: None,
            ring_events: 16 * 1024,
            ring_bytes: 8 * 1024 * 1024,
            compaction_step: 1024,
            machines: Machines::default(),
        }
    }
}
