//! Who may do what in a store: users, roles and permissions as pure decisions, and the proofs that
//! callers bring.
//!
//! Place: above the store's contract, below everything that replicates or serves it. The replicated
//! state holds one [`AuthState`], changes it by [`AuthChange`]s from the log and asks it before each
//! command that carries a [`Caller`]; a listener turns tokens, passwords and certificates into
//! callers.
//!
//! Invariants: [`AuthState`] is a value: no clock, no randomness, no I/O. While it is not enabled
//! everything is allowed. What is decided is decided on the state at hand and on nothing that the
//! caller has remembered. The rules and words are etcd's.
//!
//! ```
//! use quorate_auth::{Access, AuthChange, AuthState, Caller, Permission};
//! use quorate_store::KeyRange;
//!
//! let mut state = AuthState::default();
//! for change in [
//!     AuthChange::add_user("root", "…a bcrypt hash…"),
//!     AuthChange::grant_role("root", "root"),
//!     AuthChange::add_user("alice", "…"),
//!     AuthChange::add_role("reader"),
//!     AuthChange::grant("reader", Permission::new(Access::Read, KeyRange::prefix("app/"))),
//!     AuthChange::grant_role("alice", "reader"),
//!     AuthChange::Enable,
//! ] {
//!     state.change(&change)?;
//! }
//! let alice = Caller::new("alice", state.revision());
//! state.check_read(&alice, &KeyRange::Key("app/config".into()))?;
//! assert!(state.check_write(&alice, &KeyRange::Key("app/config".into())).is_err());
//! # Ok::<(), quorate_store::AuthError>(())
//! ```

mod caller;
pub mod certificate;
mod change;
mod check;
mod der;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "passwords")]
pub mod password;
mod permission;
mod ranges;
mod state;
mod tokens;

pub use caller::Caller;
pub use change::{AuthChange, Changed, TokenChange};
pub use check::KeysOfLease;
pub use permission::{Access, Permission, Role, User};
pub use ranges::Ranges;
pub use state::AuthState;
pub use tokens::{SIMPLE_TOKEN_TTL, SimpleTokens, TokenSink, parse_simple, token_prefix};

/// The user that is in charge, and the role that makes a user so.
pub const ROOT: &str = "root";
