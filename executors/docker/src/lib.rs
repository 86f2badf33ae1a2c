//! Pods as containers of a Docker Engine.
//!
//! Place: one executor of `executors/api`; the agent drives it, nothing else knows it. The engine runs
//! as a service of the host and keeps its containers while the agent is down.
//!
//! ```text
//! agent ── DockerExecutor ── trait Engine ── bollard ── unix socket ── dockerd ── container …
//!             │
//!             └─ journal directory: which signals were sent, when a grace ends
//! ```
//!
//! Invariants:
//! - A container's name is made of pod uid, task and attempt, its labels say so again. Whoever finds
//!   the name taken looks at the labels: his own container is as good as a created one, a foreign one
//!   is an error that names it.
//! - An engine that does not answer makes a task unreachable, never exited; what was asked may have
//!   happened, and is looked for before it is asked again.
//! - A container is started once: by one caller at a time, and only while it has never run.
//! - The log file is its own journal: its last time stamps say where to go on, so that no line is lost
//!   or doubled by a restart of agent or engine.
//! - Which signal ended a container is told only if this executor sent it or the kernel's memory killer
//!   did: the engine itself folds signals into 128 + n.
//!
//! ```no_run
//! use quorate_docker::{DockerExecutor, DockerOptions};
//! use quorate_seams::Seams;
//!
//! # async fn example() -> Result<(), quorate_executor::Error> {
//! let options = DockerOptions::new("node-1", "/run/my-app/docker");
//! let executor = DockerExecutor::connect(options, Seams::system()).await?;
//! // Hand `executor` to the agent.
//! # drop(executor); Ok(()) }
//! ```

mod blueprint;
mod calls;
mod engine;
mod executor;
mod feed;
mod image;
mod journal;
mod ladder;
mod names;
mod options;
mod output;
mod session;
mod start;
mod state;
mod stream;
#[cfg(test)]
mod tests;

pub use executor::DockerExecutor;
pub use options::{DockerOptions, PullPolicy};
