//! What a caller may do, decided on the state at hand.
//!
//! Invariants: a transaction is allowed as a whole: everything that either branch might read or
//! write, at any depth, compares and previous values included, is checked before anything of it
//! happens. Whoever attaches a key to a lease could let the lease's other keys be deleted, so they
//! must be writable, too.

use crate::state::Known;
use crate::{AuthState, Caller};
use bytes::Bytes;
use quorate_store::{AuthError, KeyRange, Op, PutOp, Txn};
use quorate_types::LeaseId;

/// Looks up the keys attached to a lease; none if there is no such lease.
pub type KeysOfLease<'a, E> = dyn FnMut(LeaseId) -> Result<Vec<Bytes>, E> + 'a;

/// What somebody may do who is known to the current state.
enum Standing<'a> {
    /// Anything.
    All,
    /// What its roles permit.
    Some(&'a Known),
}

impl AuthState {
    /// Reading, watching or comparing a range.
    ///
    /// # Errors
    /// The caller is not known, was established before the last change, or may not.
    pub fn check_read(&self, caller: &Caller, range: &KeyRange) -> Result<(), AuthError> {
        self.standing(caller)?.read(range)
    }

    /// Putting or deleting in a range.
    ///
    /// # Errors
    /// As [`AuthState::check_read`].
    pub fn check_write(&self, caller: &Caller, range: &KeyRange) -> Result<(), AuthError> {
        self.standing(caller)?.write(range)
    }

    /// A watch that goes on: as [`AuthState::check_read`], but whoever was established before the
    /// last change is judged by what has become of the user.
    ///
    /// # Errors
    /// The user is gone, or may not any more.
    pub fn recheck_read(&self, caller: &Caller, range: &KeyRange) -> Result<(), AuthError> {
        let now = Caller::new(caller.user(), self.revision().max(caller.revision()));
        let now = if caller.is_anonymous() { caller } else { &now };
        self.check_read(now, range)
    }

    /// A transaction, whichever of its branches will run.
    ///
    /// # Errors
    /// The outer one if keys of a lease could not be looked up; the inner one is the decision.
    pub fn check_txn<E>(
        &self,
        caller: &Caller,
        txn: &Txn,
        keys_of: &mut KeysOfLease<'_, E>,
    ) -> Result<Result<(), AuthError>, E> {
        match self.standing(caller) {
            // Nothing to look at when there is nothing to compare or do (etcd's rule).
            Err(_) if is_empty(txn) => Ok(Ok(())),
            Err(refusal) => Ok(Err(refusal)),
            Ok(Standing::All) => Ok(Ok(())),
            Ok(standing) => standing.txn(txn, keys_of),
        }
    }

    /// Whatever needs someone in charge.
    ///
    /// # Errors
    /// The caller is not known or does not have the role `root`.
    pub fn check_root(&self, caller: &Caller) -> Result<(), AuthError> {
        if !self.is_enabled() {
            return Ok(());
        }
        if caller.is_anonymous() {
            return Err(AuthError::UserEmpty);
        }
        let known = self.known(caller.user()).ok_or(AuthError::UserNotFound)?;
        if known.is_root() { Ok(()) } else { Err(AuthError::PermissionDenied) }
    }

    /// What everybody may do who has said who they are.
    ///
    /// # Errors
    /// The caller is anonymous.
    pub fn check_named(&self, caller: &Caller) -> Result<(), AuthError> {
        if self.is_enabled() && caller.is_anonymous() {
            return Err(AuthError::UserEmpty);
        }
        Ok(())
    }

    /// Ending or renewing a lease, or attaching a key to it: with these keys.
    ///
    /// # Errors
    /// One of the keys must not be written by the caller.
    pub fn check_lease_writes(&self, caller: &Caller, keys: &[Bytes]) -> Result<(), AuthError> {
        if self.check_root(caller).is_ok() || keys.is_empty() {
            return Ok(());
        }
        self.standing(caller)?.write_all(keys)
    }

    /// Asking for the keys of leases: these.
    ///
    /// # Errors
    /// One of the keys must not be read by the caller.
    pub fn check_lease_reads(&self, caller: &Caller, keys: &[Bytes]) -> Result<(), AuthError> {
        if self.check_root(caller).is_ok() {
            return Ok(());
        }
        self.check_named(caller)?;
        for key in keys {
            self.check_read(caller, &KeyRange::Key(key.clone()))?;
        }
        Ok(())
    }

    /// Asking about a user: oneself, or as someone in charge.
    ///
    /// # Errors
    /// The caller is neither.
    pub fn check_about_user(&self, caller: &Caller, name: &str) -> Result<(), AuthError> {
        // Nobody asks about nobody and learns that there is no such user (etcd's rule).
        let own = caller.user() == name;
        self.check_root(caller).or_else(|refusal| if own { Ok(()) } else { Err(refusal) })
    }

    /// Asking about a role: one that the caller has, or as someone in charge.
    ///
    /// # Errors
    /// The caller is neither.
    pub fn check_about_role(&self, caller: &Caller, role: &str) -> Result<(), AuthError> {
        let own = self.known(caller.user()).is_some_and(|known| known.user.has(role));
        self.check_root(caller).or_else(|refusal| if own { Ok(()) } else { Err(refusal) })
    }

    fn standing(&self, caller: &Caller) -> Result<Standing<'_>, AuthError> {
        if !self.is_enabled() {
            return Ok(Standing::All);
        }
        if caller.revision() == 0 {
            return Err(AuthError::UserEmpty);
        }
        if caller.revision() < self.revision() {
            return Err(AuthError::OldRevision);
        }
        let known = self.known(caller.user()).ok_or(AuthError::PermissionDenied)?;
        Ok(if known.is_root() { Standing::All } else { Standing::Some(known) })
    }
}

fn is_empty(txn: &Txn) -> bool {
    txn.compares.is_empty()
        && txn.ops_of_both_branches().all(|op| matches!(op, Op::Txn(nested) if is_empty(nested)))
}

fn allowed(allowed: bool) -> Result<(), AuthError> {
    if allowed { Ok(()) } else { Err(AuthError::PermissionDenied) }
}

impl Standing<'_> {
    fn read(&self, range: &KeyRange) -> Result<(), AuthError> {
        match self {
            Self::All => Ok(()),
            Self::Some(known) => allowed(known.reads.contains(range)),
        }
    }

    fn write(&self, range: &KeyRange) -> Result<(), AuthError> {
        match self {
            Self::All => Ok(()),
            Self::Some(known) => allowed(known.writes.contains(range)),
        }
    }

    fn write_all(&self, keys: &[Bytes]) -> Result<(), AuthError> {
        keys.iter().try_for_each(|key| self.write(&KeyRange::Key(key.clone())))
    }

    fn txn<E>(
        &self,
        txn: &Txn,
        keys_of: &mut KeysOfLease<'_, E>,
    ) -> Result<Result<(), AuthError>, E> {
        for compare in &txn.compares {
            if let Err(refusal) = self.read(&compare.range) {
                return Ok(Err(refusal));
            }
        }
        for op in txn.ops_of_both_branches() {
            if let Err(refusal) = self.op(op, keys_of)? {
                return Ok(Err(refusal));
            }
        }
        Ok(Ok(()))
    }

    fn op<E>(&self, op: &Op, keys_of: &mut KeysOfLease<'_, E>) -> Result<Result<(), AuthError>, E> {
        Ok(match op {
            Op::Range(request) => self.read(&request.range),
            Op::Delete { range, prev_kv } => {
                self.write(range).and_then(|()| if *prev_kv { self.read(range) } else { Ok(()) })
            }
            Op::Put(put) => return self.put(put, keys_of),
            Op::Txn(nested) => return self.txn(nested, keys_of),
            // What is not known here is allowed to nobody but root.
            _ => Err(AuthError::PermissionDenied),
        })
    }

    fn put<E>(
        &self,
        put: &PutOp,
        keys_of: &mut KeysOfLease<'_, E>,
    ) -> Result<Result<(), AuthError>, E> {
        let key = KeyRange::Key(put.key.clone());
        if let Err(refusal) = self.write(&key) {
            return Ok(Err(refusal));
        }
        if put.lease != LeaseId::NONE
            && let Err(refusal) = self.write_all(&keys_of(put.lease)?)
        {
            return Ok(Err(refusal));
        }
        Ok(if put.prev_kv { self.read(&key) } else { Ok(()) })
    }
}
