//! The Lock and Election services: etcd's recipes, run where the data is.
//!
//! A claim is a key below the name, called after the claimant's lease and attached to it. The oldest
//! claim of a name holds it; the others wait for those before them to be deleted.
//!
//! Invariants: they do nothing that a client could not, and they do it as that client: by calls to
//! the other services with the caller's own metadata. Whoever stops waiting takes his claim back.
//! Their failures have no code but `Unknown`, as etcd's have, since clients know these by their texts.

mod caller;
mod claim;
mod election;
mod lock;
mod observe;

pub(crate) use election::ElectionService;
pub(crate) use lock::LockService;
