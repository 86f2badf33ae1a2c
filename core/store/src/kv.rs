//! One key with its value and history.

use bytes::Bytes;
use quorate_types::{LeaseId, Revision};

/// A key at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// The value; empty in the event of a deletion.
    pub value: Bytes,
    /// Revision of the creation since the last deletion; zero in the event of a deletion.
    pub create_revision: Revision,
    /// Revision of this change.
    pub mod_revision: Revision,
    /// Changes since the creation, the creation being 1; zero in the event of a deletion.
    pub version: i64,
    /// Lease the key lives by, [`LeaseId::NONE`] for none.
    pub lease: LeaseId,
}
