#![allow(clippy::unwrap_used, reason = "a test may panic")]
//! The log against disks that lose, tear, fail and lie.

mod commit;
mod crash;
mod damage;
mod failure;
mod recycle;
mod support;
mod system_disk;
