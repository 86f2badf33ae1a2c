//! Users and roles in the database, and as the readers of the state see them.
//!
//! Place: `apply` changes them as part of a batch, [`crate::Mvcc`] publishes what it changed. The
//! whole of it is held in memory, since every command of a caller asks it.
//!
//! Invariants: published before the batch that it is part of can be read, so that nobody reads what
//! follows a revocation by what was allowed before it. Tokens are told of in the order of the log.

mod records;
mod shared;
mod tables;

pub(crate) use records::{load, rows};
pub(crate) use shared::SharedAuth;
pub(crate) use tables::{table_rows, tables};

use quorate_auth::{AuthState, TokenChange};
use std::sync::Arc;

/// What a batch of entries does to users, roles and tokens.
#[derive(Debug, Default)]
pub(crate) struct AuthEffects {
    /// Users and roles afterwards, if anything about them has changed.
    pub(crate) state: Option<Arc<AuthState>>,
    /// What becomes of tokens, in order; of an assigned one also the whole of it.
    pub(crate) tokens: Vec<(TokenChange, String)>,
}
