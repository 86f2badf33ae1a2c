//! The application's own commands, from any member.

use crate::member_core::Core;
use crate::store::unexpected;
use bytes::Bytes;
use quorate_mvcc::{Command, Reply};
use quorate_store::Error;
use quorate_types::{Revision, limits};

/// What a command of the application's own led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The store's revision afterwards: grown by one if a key changed.
    pub revision: Revision,
    /// The machine's answer.
    pub answer: Bytes,
}

impl Core {
    /// Runs a command of the application's [`quorate_mvcc::Machine`] of this name: atomically, once,
    /// in the order of the log, on every member.
    ///
    /// # Errors
    /// [`Error::Refused`] by the machine, the refusal of the transaction that it asked for,
    /// [`Error::Invalid`] if this member has no such machine, or as for
    /// [`quorate_store::Store::txn`].
    pub async fn execute(
        &self,
        machine: &str,
        command: impl Into<Bytes> + Send,
    ) -> Result<Executed, Error> {
        let body: Bytes = command.into();
        let bytes = body.len();
        if bytes > limits::MAX_REQUEST_BYTES {
            return Err(Error::TooLarge { bytes, limit: limits::MAX_REQUEST_BYTES });
        }
        // A command that a member cannot run would stop it, so none is sent to the others either.
        if !self.inner.state()?.has_machine(machine) {
            let reason = format!("no machine {machine:?}: register it with every member");
            return Err(Error::Invalid { reason });
        }
        self.inner.check_space().await?;
        let command = Command::Custom { machine: machine.to_owned(), body };
        match self.inner.propose(&command).await? {
            Reply::Custom { revision, answer } => Ok(Executed { revision, answer }),
            other => Err(unexpected(&other)),
        }
    }
}
