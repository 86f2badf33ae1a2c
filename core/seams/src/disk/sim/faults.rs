//! The faults that a test has ordered from a simulated disk, and the gate before its syncs.

use std::io;

#[derive(Debug, Default)]
pub(super) struct Faults {
    dead: bool,
    changes_left: Option<u64>,
    syncs_left: Option<u64>,
    capacity: Option<u64>,
    held: bool,
    at_gate: u64,
    data_syncs: u64,
}

impl Faults {
    pub(super) fn power_off_after(&mut self, count: u64) {
        self.changes_left = Some(count);
    }

    pub(super) fn fail_sync_after(&mut self, count: u64) {
        self.syncs_left = Some(count);
    }

    pub(super) fn set_capacity(&mut self, bytes: u64) {
        self.capacity = Some(bytes);
    }

    /// Ends the disk's life; the error is the answer to whoever notices.
    pub(super) fn kill(&mut self) -> io::Error {
        self.dead = true;
        self.held = false;
        power_lost()
    }

    pub(super) fn admit_read(&self) -> io::Result<()> {
        if self.dead { Err(power_lost()) } else { Ok(()) }
    }

    /// Whether the change may happen; true when the power goes off with it.
    pub(super) fn admit_change(&mut self) -> io::Result<bool> {
        self.admit_read()?;
        match &mut self.changes_left {
            None => Ok(false),
            Some(0) => Ok(true),
            Some(left) => {
                *left -= 1;
                Ok(false)
            }
        }
    }

    pub(super) fn admit_sync(&mut self) -> io::Result<()> {
        match self.syncs_left {
            None => Ok(()),
            Some(0) => {
                self.syncs_left = None;
                Err(io::Error::other("simulated failure of a sync"))
            }
            Some(left) => {
                self.syncs_left = Some(left - 1);
                Ok(())
            }
        }
    }

    pub(super) fn admit_growth(&self, used: u64, more: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if more > 0 && used + more > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn hold(&mut self, held: bool) {
        self.held = held && !self.dead;
    }

    pub(super) fn held(&self) -> bool {
        self.held
    }

    pub(super) fn arrive(&mut self) {
        self.at_gate += 1;
    }

    pub(super) fn leave(&mut self) {
        self.at_gate -= 1;
    }

    pub(super) fn someone_held(&self) -> bool {
        self.held && self.at_gate > 0
    }

    pub(super) fn count_data_sync(&mut self) {
        self.data_syncs += 1;
    }

    pub(super) fn data_syncs(&self) -> u64 {
        self.data_syncs
    }
}

fn power_lost() -> io::Error {
    io::Error::other("simulated power loss")
}
