//! Tokens that every member knows, and changes of users and roles by the application itself.

use crate::member_core::Core;
use crate::store::unexpected;
use quorate_auth::{AuthChange, AuthState, Caller, SimpleTokens, parse_simple};
use quorate_mvcc::{Command, Reply};
use quorate_seams::SharedRandom;
use quorate_store::{AuthError, Error};
use quorate_types::LogIndex;
use std::sync::Arc;

impl Core {
    /// The revision of users and roles while requests are checked, otherwise 0; as this member has
    /// applied it.
    #[must_use]
    pub fn auth_gate(&self) -> u64 {
        self.inner.state().map_or(0, |state| state.auth_gate())
    }

    /// Users and roles as they are now.
    ///
    /// # Errors
    /// No leader could confirm itself in time, or the member has stopped.
    pub async fn auth(&self) -> Result<Arc<AuthState>, Error> {
        self.inner.consensus.read_barrier().await?;
        Ok(self.inner.state()?.auth())
    }

    /// Changes users and roles without asking who does; gives the token of who signed in, otherwise
    /// nothing.
    ///
    /// # Errors
    /// The change is refused, or as for [`quorate_store::Store::txn`].
    pub async fn change_auth(&self, change: AuthChange) -> Result<String, Error> {
        match self.inner.propose(&Command::Auth(change)).await? {
            Reply::Auth { token, .. } => Ok(token),
            other => Err(unexpected(&other)),
        }
    }

    /// Whose a token of [`AuthChange::SignIn`] is. Of a token that this member cannot have heard of yet
    /// it catches up first: whoever was given it was given it when its entry was committed.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`] if nobody's, or no leader could be asked.
    pub async fn token_caller(&self, token: &str) -> Result<Caller, Error> {
        let state = self.inner.state()?;
        let mut user = self.inner.tokens.user(token);
        if user.is_none() {
            let index = parse_simple(token).ok_or(AuthError::InvalidToken)?;
            if self.has_yet_to_apply(LogIndex(index)) {
                self.inner.consensus.read_barrier().await?;
            }
            user = self.inner.tokens.user(token);
        }
        let user = user.ok_or(AuthError::InvalidToken)?;
        Ok(Caller::new(user, state.auth().revision()))
    }

    /// The tokens that this member knows.
    #[must_use]
    pub fn tokens(&self) -> &SimpleTokens {
        &self.inner.tokens
    }

    /// Where this member's random numbers come from.
    #[must_use]
    pub fn random(&self) -> &SharedRandom {
        &self.inner.seams.random
    }

    fn has_yet_to_apply(&self, index: LogIndex) -> bool {
        *self.inner.consensus.applied().borrow() < Some(index)
    }
}
