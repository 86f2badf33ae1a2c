//! The contract of every executor: what a node agent asks of the thing that runs tasks.
//!
//! Place: between `core/agent`, which decides, and the executors, which act. It depends on nothing
//! but `quorate-types`, so that anyone can write an executor without linking the control plane.
//!
//! Invariants every executor keeps:
//! - Every call is idempotent by [`TaskId`]: a task of one (pod uid, name, attempt) exists at most
//!   once, and calling twice, also after a crash of the agent, is as good as calling once.
//! - *Unknown is never exited*: [`Observed::Exited`] is answered only with proof that the task is
//!   gone. An executor that cannot tell answers [`Observed::Unreachable`].
//! - Order per task: created, running, exited, removed.
//! - An optional operation that is not among the [`Capabilities`] answers [`Error::Unsupported`].
//! - `code` and `signal` of an exit are never folded into 128 + n.
//! - An exit is answered only once all output of the task is in its log file.

mod check;
mod error;
mod exec;
mod executor;
mod exit;
mod ledger;
mod lines;
mod log;
mod observed;
mod task;

pub use check::is_plain_name;
pub use error::Error;
pub use exec::{ExecEvent, ExecInput, ExecSession, ExecSpec};
pub use executor::{Capabilities, Executor, Health, SharedExecutor};
pub use exit::{ExitCause, ExitRecord};
pub use ledger::Ledger;
pub use lines::{CriLines, MAX_LINE, rfc3339};
pub use log::LogFile;
pub use observed::{Event, Found, Observed, Started, Usage};
pub use task::{Mount, Resources, Stop, TaskId, TaskSpec};
