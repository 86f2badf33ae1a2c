//! Objects over a store: reading, and writing under the rules of their kinds.
//!
//! A write runs through the same steps for every kind: `plan` forms the object as it shall be
//! (pure), admission sees it, `plan` finishes it (pure), `attempt` puts all into one transaction.

mod apply;
mod attempt;
mod change;
mod handle;
mod namespace;
mod page;
mod plan;
mod read;
mod remove;
mod write;

pub use change::{
    Action, Applied, Change, Committed, DeleteOptions, Deleted, ObjectList, Propagation,
};
pub use handle::Objects;
pub use page::{ObjectPage, PageRequest};
