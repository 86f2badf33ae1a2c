//! Passwords for tokens, and passwords for hashes.

use super::{TokenKind, refused};
use crate::context::Shared;
use crate::errors::status;
use bytes::Bytes;
use quorate_auth::{AuthChange, AuthState, password, token_prefix};
use quorate_seams::spawn_blocking;
use quorate_store::{AuthError, Error};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tonic::Status;

/// Passwords that are hashed or compared at a time; more wait.
const AT_ONCE: usize = 2;

/// Hashes and compares passwords, few at a time.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

impl Passwords {
    /// The hash of a new password.
    pub(crate) async fn hash(&self, shared: &Shared, password: String) -> Result<Bytes, Status> {
        let cost = shared.options.auth.bcrypt_cost;
        let random = Arc::clone(shared.member.core().random());
        let hashed = self.work(move || password::hash(&password, cost, &*random)).await?;
        // etcd passes the words of its library on.
        hashed.map(Bytes::from).map_err(|error| Status::unknown(error.to_string()))
    }

    /// A token for who knows the password of a user.
    pub(crate) async fn sign_in(
        &self,
        shared: &Shared,
        name: &str,
        password: &str,
    ) -> Result<String, Status> {
        let core = shared.member.core();
        loop {
            let auth = core.auth().await.map_err(status)?;
            self.compare(&auth, name, password).await?;
            let (user, revision) = (name.to_owned(), auth.revision());
            let token = match &shared.options.auth.tokens {
                TokenKind::Simple { .. } => {
                    let prefix = token_prefix(&**core.random());
                    core.change_auth(AuthChange::SignIn { user, revision, prefix }).await
                }
                TokenKind::Jwt(jwt) => {
                    let token = jwt.sign(&user, revision, shared.clock.wall());
                    return token.map_err(|error| Status::unknown(format!("auth: {error}")));
                }
            };
            match token {
                // Something has changed since the password was compared: perhaps the password.
                Err(Error::Auth(AuthError::OldRevision)) => {}
                token => return token.map_err(status),
            }
        }
    }

    async fn compare(&self, auth: &AuthState, name: &str, given: &str) -> Result<(), Status> {
        if !auth.is_enabled() {
            return Err(refused(AuthError::NotEnabled));
        }
        let user = auth.user(name).ok_or_else(|| refused(AuthError::Failed))?;
        if user.no_password {
            return Err(refused(AuthError::NoPasswordUser));
        }
        let (hash, given) = (user.password.clone(), given.to_owned());
        match self.work(move || password::matches(&given, &hash)).await? {
            true => Ok(()),
            false => Err(refused(AuthError::Failed)),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Status> {
        let _turn = self.turns.acquire().await;
        spawn_blocking(work).await.ok_or_else(|| Status::internal("a password could not be used"))
    }
}
