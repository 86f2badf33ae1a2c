//! Pods as operating-system processes, held by a shim that outlives the agent.
//!
//! Place: one executor of `executors/api`; the agent drives it, nothing else knows it. Linux only.
//!
//! ```text
//! agent ── unix socket ── shim (one per pod, own session, single-threaded)
//!                          ├─ reaper of task a (subreaper) ── main process of a ── descendants …
//!                          └─ reaper of task b (subreaper) ── main process of b ── descendants …
//! ```
//!
//! The shim holds the output pipes, writes the logs and the exit records, and answers the agent.
//! A reaper adopts whatever its task leaves behind, so that a descendant belongs to exactly one task
//! however it daemonised.
//!
//! Invariants:
//! - The agent never forks: a shim is started with `posix_spawn` and forks itself while it is tiny.
//! - A lock on `<dir>/<pod>/lock` is held by the shim and all its reapers and inherited by nobody
//!   else. Whoever can take it has proof that nothing of the pod is supervised any more.
//! - An exit is reported after every descendant of the task is dead, its output is in the log file
//!   and its record is durable.
//! - When the shim dies, the reapers kill its tasks: none lives on unnoticed.
//!
//! An application that uses [`ShimCommand::SelfExec`] calls [`maybe_shim`] first in `main`:
//!
//! ```no_run
//! use quorate_process::{ProcessExecutor, ProcessOptions};
//! use quorate_seams::Seams;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     quorate_process::maybe_shim();
//!     let options = ProcessOptions::new("/run/my-app/node-1");
//!     let executor = ProcessExecutor::new(options, Seams::system())?;
//!     // Hand `executor` to the agent, inside a tokio runtime.
//!     drop(executor);
//!     Ok(())
//! }
//! ```

mod convert;
mod ensure;
mod executor;
mod feed;
mod image;
mod launch;
mod lock;
mod offline;
mod options;
mod pod;
mod procfs;
mod records;
mod shim;
pub mod testing;
mod usage;
mod wire;

pub use executor::ProcessExecutor;
pub use options::{ProcessOptions, ShimCommand};
pub use shim::maybe_shim;
