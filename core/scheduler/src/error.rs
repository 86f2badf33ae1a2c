//! Why the scheduler could not do its work.

use thiserror::Error;

/// Failure of the scheduler's driver. A pod that fits nowhere is no failure but a
/// [`crate::Decision::Unschedulable`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Binds or statuses could not be written.
    #[error("scheduler cannot write its decisions: {0}")]
    Write(#[from] quorate_resources::Error),
}
