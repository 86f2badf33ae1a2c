//! What finds out who calls.

use super::{Credentials, User};
use async_trait::async_trait;
use std::fmt::Debug;
use thiserror::Error;

/// Finds out who shows credentials.
#[async_trait]
pub trait Authenticator: Send + Sync + Debug + 'static {
    /// Who shows them; `None` if there is nothing among them that this one judges.
    ///
    /// # Errors
    /// They are of this one's sort and no good, or that cannot be found out at the moment.
    async fn authenticate(
        &self,
        credentials: &Credentials,
    ) -> Result<Option<Known>, AuthenticateError>;
}

/// Somebody whose credentials are good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Who it is.
    pub user: User,
    /// For whom the token was made out, as far as that was asked for; empty if for nobody special.
    pub audiences: Vec<String>,
}

impl From<User> for Known {
    fn from(user: User) -> Self {
        Self { user, audiences: Vec::new() }
    }
}

/// Why credentials are refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// Nobody knows the token.
    #[error("the bearer token is not known here: it is forged, expired or another cluster's")]
    UnknownToken,
    /// The token is genuine and no longer good.
    #[error("the bearer token is no longer good: {reason}")]
    Token {
        /// What it depends on.
        reason: String,
    },
    /// The certificate is not good.
    #[error("the client certificate is refused: {reason}")]
    Certificate {
        /// What is wrong.
        reason: String,
    },
    /// What credentials depend on cannot be read.
    #[error(transparent)]
    Objects(#[from] quorate_resources::Error),
}

impl AuthenticateError {
    /// Whether the credentials are at fault.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Objects(_))
    }
}

/// Takes everybody for the administrator.
#[derive(Debug)]
pub(super) struct Everybody;

#[async_trait]
impl Authenticator for Everybody {
    async fn authenticate(&self, _: &Credentials) -> Result<Option<Known>, AuthenticateError> {
        Ok(Some(User::admin().into()))
    }
}
