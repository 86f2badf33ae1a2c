//! Who set which field: server-side apply and the bookkeeping of every other write.
//!
//! Each manager of an object owns a [`FieldSet`], kept in `metadata.managedFields`. To apply is to
//! say all that one wants: fields the manager owned and says no more go, fields that others own and
//! that would change are conflicts unless forced. Any other write takes what it changes.
//!
//! Pure. Invariant: a field that nobody owns is nobody's conflict; after a write no manager owns a
//! field that the object does not have.

mod apply;
mod compare;
mod entry;
mod extract;
mod set;
mod write;

pub use apply::{Conflict, apply};
pub use entry::{ManagedFields, Manager};
pub use set::FieldSet;
pub use write::write;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
