//! The store in a deterministic world: three to seven members of the real log, the real openraft, the
//! real state and the real leases in one thread, with virtual time and a seed for everything.
//!
//! Place: above everything, below nothing; not published. The harness owns what a machine would:
//! disks that forget ([`quorate_seams::SimDisk`]), a network that loses (`net`), clocks that drift.
//!
//! Invariants: a run is a pure function of its seed, so that a failure replays with one command; the
//! faults of a run are legal, so that every violation is a bug of the store: unsynced bytes may be
//! lost anywhere, durable ones only on a minority that does not come back.
//!
//! ```
//! let report = quorate_sim::run(7);
//! assert_eq!(report.violations, Vec::<String>::new());
//! assert_eq!(quorate_sim::run(7).hash, report.hash);
//! ```

mod admin;
mod chaos;
mod check;
mod clients;
mod cluster;
mod history;
mod leases;
mod model;
#[cfg(feature = "mutants")]
pub mod mutants;
mod net;
mod observe;
mod plan;
mod report;
mod run;
mod watchers;

pub use report::{Counts, Report};
pub use run::run;
