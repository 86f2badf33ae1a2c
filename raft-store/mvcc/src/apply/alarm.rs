//! Alarms: raised and disarmed through the log, so that every member refuses alike.

use super::Machine;
use crate::{Alarm, AlarmKind, Outcome, Reply};

impl Machine<'_> {
    pub(super) fn alarm(&mut self, raise: bool, alarm: Alarm) -> Outcome {
        if raise {
            self.meta.alarms.insert(alarm);
        } else {
            self.meta.alarms.remove(&alarm);
        }
        Ok(Reply::Alarms(self.meta.alarms.iter().copied().collect()))
    }

    /// Whether some member is over its quota.
    pub(super) fn is_full(&self) -> bool {
        self.meta.alarms.iter().any(|alarm| alarm.kind == AlarmKind::NoSpace)
    }
}
