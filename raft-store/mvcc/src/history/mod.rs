//! The whole state in etcd's own bytes: told to be written elsewhere, or taken in from elsewhere.
//!
//! Place: for moving between this store and etcd's files; what those look like is known above.
//!
//! Invariants: what is told is one moment's state, however long the telling takes, and as etcd's
//! finished compaction would have left it; what is taken in is told again byte for byte.

mod auth;
mod load;
mod tell;

pub use auth::AuthTables;
pub use load::{LoadError, Loaded, Loader};
pub use tell::History;
