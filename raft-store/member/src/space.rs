//! The quota: a member whose state is too large raises an alarm, and the cluster refuses to grow.
//!
//! Invariants: the alarm is part of the replicated state, so every member refuses the same commands;
//! only this member's own size makes it raise its own alarm. Nothing disarms an alarm but a request:
//! space that was freed may be gone again a moment later.

use crate::member_core::{Core, Inner};
use crate::store::unexpected;
use quorate_mvcc::{Alarm, AlarmKind, Command, Operations, Reply};
use quorate_seams::spawn_blocking;
use quorate_store::Error;

impl Inner {
    /// Refuses what makes the state grow beyond the quota, and raises the alarm.
    ///
    /// While the alarm is raised nothing is refused here: whether it still is when the command is
    /// applied decides.
    pub(crate) async fn check_space(&self) -> Result<(), Error> {
        let state = self.state()?;
        if state.is_full() || !state.exceeds(self.quota_bytes)? {
            return Ok(());
        }
        drop(state);
        Box::pin(self.raise_no_space()).await
    }

    async fn raise_no_space(&self) -> Result<(), Error> {
        // One of those who notice raises it.
        if let Ok(_one) = self.raising.try_lock() {
            let alarm = Alarm { member: self.options.id, kind: AlarmKind::NoSpace };
            tracing::warn!(member = %alarm.member, "state is over its quota: growth is refused");
            self.propose(&Command::Alarm { raise: true, alarm }).await?;
        }
        Err(Error::NoSpace)
    }
}

impl Core {
    /// The alarms that are raised in the cluster, sorted.
    ///
    /// # Errors
    /// No leader could confirm itself in time, or the member has stopped.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, Error> {
        self.inner.consensus.read_barrier().await?;
        Ok(self.inner.state()?.alarms())
    }

    /// Raises an alarm, for whatever member, and gives all that are raised then.
    ///
    /// # Errors
    /// As for [`quorate_store::Store::txn`].
    pub async fn raise(&self, alarm: Alarm) -> Result<Vec<Alarm>, Error> {
        self.change_alarm(true, alarm).await
    }

    /// Disarms an alarm, raised or not, and gives those that remain. A member that is still over its
    /// quota raises its alarm again with the next write that reaches it.
    ///
    /// # Errors
    /// As for [`quorate_store::Store::txn`].
    pub async fn disarm(&self, alarm: Alarm) -> Result<Vec<Alarm>, Error> {
        self.change_alarm(false, alarm).await
    }

    async fn change_alarm(&self, raise: bool, alarm: Alarm) -> Result<Vec<Alarm>, Error> {
        match self.inner.propose(&Command::Alarm { raise, alarm }).await? {
            Reply::Alarms(alarms) => Ok(alarms),
            other => Err(unexpected(&other)),
        }
    }

    /// Bytes that this member's state takes, roughly.
    ///
    /// # Errors
    /// The member has stopped, or its database failed.
    pub async fn size(&self) -> Result<u64, Error> {
        let state = self.inner.state()?;
        let size = spawn_blocking(move || state.size()).await;
        Ok(size.unwrap_or_else(|| Err(panicked("asking for the size")))?)
    }

    /// The alarms that are raised as far as this member has applied, sorted; none once it has
    /// stopped.
    #[must_use]
    pub fn raised_alarms(&self) -> Vec<Alarm> {
        self.inner.state().map(|state| state.alarms()).unwrap_or_default()
    }

    /// Bytes of state beyond which this member refuses to grow.
    #[must_use]
    pub fn quota_bytes(&self) -> u64 {
        self.inner.quota_bytes
    }

    /// What has been done to this member's state since it was opened; nothing once it has stopped.
    #[must_use]
    pub fn operations(&self) -> Operations {
        self.inner.state().map(|state| state.operations()).unwrap_or_default()
    }

    /// Frees the space of what was deleted and compacted away on this member, now rather than in
    /// time. Reads and writes go on meanwhile.
    ///
    /// # Errors
    /// The member has stopped, or its database failed.
    pub async fn defragment(&self) -> Result<(), Error> {
        let state = self.inner.state()?;
        let done = spawn_blocking(move || state.defragment()).await;
        Ok(done.unwrap_or_else(|| Err(panicked("freeing space")))?)
    }
}

fn panicked(what: &'static str) -> quorate_mvcc::Error {
    quorate_mvcc::Error::Database { operation: what, reason: "it panicked".to_owned() }
}
