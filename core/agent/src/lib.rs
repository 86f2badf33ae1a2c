//! The node agent: it makes the pods bound to its node run, and tells how they fare.
//!
//! Place: beside scheduler and controllers, above `resources` and `reconcile`; below it only the
//! contract of executors, never a concrete one.
//!
//! ```text
//! cache ── supervisor ── one actor per pod ── executor
//!                          │  ├─ machine::decide (pure)
//!                          │  ├─ journal (before acting)
//!                          │  └─ probes
//!                          └─ reporter ── pod status, many in one transaction
//! heartbeat ── node object and lease
//! ```
//!
//! Invariants:
//! - A decision's record is in the journal before its first action: a crash leaves "not done" or
//!   "done, and found again by its identity".
//! - Unknown is never exited: a task that cannot be observed freezes its container.
//! - Tasks outlive the agent; the next one adopts them with the same attempt numbers.
//! - The control plane may be away: what runs goes on running, restarts and is probed; statuses and
//!   confirmations are written once it is back.
//!
//! ```
//! use quorate_agent::machine::RestartBackOff;
//! let back_off = RestartBackOff::default();
//! let seconds: Vec<u64> = (0..4).map(|ends| back_off.delay(ends).as_secs()).collect();
//! assert_eq!(seconds, [1, 2, 4, 8]);
//! ```

mod address;
mod agent;
pub mod env;
mod error;
mod journal;
mod logs;
pub mod machine;
mod node;
mod options;
mod pod;
pub mod probe;
mod report;
mod state;
pub mod status;
mod supervise;
mod time;
mod volumes;
mod workloads;

pub use address::PodAddresses;
pub use agent::{Agent, AgentBuilder, StopMode};
pub use error::Error;
pub use logs::LogOptions;
pub use machine::RestartBackOff;
pub use options::{AgentOptions, Capacity};
pub use state::{AgentStatus, LeaseState};
