//! Commands that carry a caller, and changes of users and roles.
//!
//! Invariants: a command with a caller is judged by the users and roles at its place in the log, never
//! by what was true where it was asked; a command without one comes from the application itself and
//! is not judged. A refused command leaves no trace.

use super::{Machine, attached};
use crate::auth::rows;
use crate::{Command, Error, Outcome, Reply};
use quorate_auth::{AuthChange, Caller, TokenChange};
use quorate_store::{AuthError, Error as Refusal};
use std::sync::Arc;

impl Machine<'_> {
    /// Runs a command on behalf of a caller.
    pub(super) fn on_behalf(
        &mut self,
        caller: &Caller,
        command: Command,
    ) -> Result<Outcome, Error> {
        if self.auth.is_enabled()
            && let Err(refusal) = self.allowed(caller, &command)?
        {
            return Ok(Err(Refusal::Auth(refusal)));
        }
        self.command(command)
    }

    fn allowed(&self, caller: &Caller, command: &Command) -> Result<Result<(), AuthError>, Error> {
        let auth = &self.auth;
        Ok(match command {
            Command::Txn(txn) => {
                return auth.check_txn(caller, txn, &mut |lease| attached(&self.state, lease));
            }
            Command::LeaseGrant { .. } => auth.check_named(caller),
            Command::LeaseRevoke { ids } => {
                for id in ids {
                    let keys = attached(&self.state, *id)?;
                    if let Err(refusal) = auth.check_lease_writes(caller, &keys) {
                        return Ok(Err(refusal));
                    }
                }
                auth.check_named(caller)
            }
            // Whoever signs in is not known before.
            Command::Auth(AuthChange::SignIn { .. }) => Ok(()),
            Command::Auth(_)
            | Command::Compact { .. }
            | Command::LeaseCheckpoint { .. }
            | Command::Alarm { .. }
            | Command::Custom { .. } => auth.check_root(caller),
            Command::OnBehalf { .. } | Command::Batch(_) => Err(AuthError::PermissionDenied),
        })
    }

    /// Changes users and roles, or gives a token out.
    pub(super) fn change_auth(&mut self, change: &AuthChange) -> Outcome {
        let mut auth = Arc::clone(&self.auth);
        let changed = Arc::make_mut(&mut auth).change(change).map_err(Refusal::Auth)?;
        for (family, key, value) in rows(&auth, &changed).iter() {
            match value {
                Some(value) => self.state.put(family, key.to_vec(), value.clone()),
                None => self.state.delete(family, key.to_vec()),
            }
        }
        if changed.any {
            self.auth = Arc::clone(&auth);
            self.auth_effects.state = Some(auth);
        }
        let mut token = String::new();
        if let Some(change) = changed.tokens {
            if let TokenChange::Assign { prefix, .. } = &change {
                token = format!("{prefix}.{}", self.entry.index);
            }
            self.auth_effects.tokens.push((change, token.clone()));
        }
        Ok(Reply::Auth { revision: self.meta.revision, token })
    }
}
