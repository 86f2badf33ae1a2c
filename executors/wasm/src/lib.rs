//! Runs tasks as WebAssembly modules and components within the agent's process.
//!
//! Place: one executor of `executors/api`; the agent drives it, nothing else knows it. The only crate
//! that names wasmtime.
//!
//! ```text
//! image ── digest ── program (compiled; authenticated cache on disk) ── one store per task
//! guests' runtime: a few threads ── many fibers, one per task ── epochs take the thread from a guest
//! ```
//!
//! A task is a core module of WASI preview 1 (exports `_start`) or a component of WASI 0.2 (exports
//! `wasi:cli/run`). Guests are fibers on a runtime of their own rather than threads: an idle one costs
//! its touched pages and no wake-up, so that a node holds thousands, and one that computes is made to
//! yield each millisecond, which is what CPU limits and stops rest on. The agent's runtime never runs
//! a guest, compiles a module or reads a file.
//!
//! # What a stop is
//!
//! WASI has no signals. A guest that minds a polite stop asks for it: it imports `stop-requested` of
//! `quorate:task/control@0.1.0` (`func() -> bool`; for core modules a function that returns an `i32`).
//! Asking is minding: from its first call on a graceful stop leaves the guest its grace and then ends
//! it by force, as a process that handles SIGTERM is. A guest that never asked is ended at once, as
//! SIGTERM's default action does. Such ends are told as signals 15 and 9.
//!
//! Invariants:
//! - Tasks die with the process. A directory is locked by the one executor that uses it, so that
//!   a task which was started and has no exit record is, for the next one, provably gone: it is told
//!   as [`quorate_executor::ExitCause::ExecutorLost`].
//! - An exit is told once the output is in the log file and the record is durable.
//! - A guest is given what its specification names and nothing else: no directory, variable, input,
//!   socket or descriptor is inherited.
//! - Machine code is run from the cache only if this node's key authenticates it (`aot`).
//!
//! ```no_run
//! use quorate_seams::Seams;
//! use quorate_wasm::{WasmExecutor, WasmOptions};
//!
//! # fn main() -> Result<(), quorate_executor::Error> {
//! let executor = WasmExecutor::open(WasmOptions::new("/var/lib/my-app/wasm"), Seams::system())?;
//! // Hand `executor` to the agent.
//! # drop(executor); Ok(()) }
//! ```

mod aot;
mod blobs;
mod control;
mod engine;
mod executor;
mod failure;
mod guest;
mod image;
mod launch;
mod limiter;
mod mounts;
mod network;
mod options;
mod output;
mod program;
mod programs;
mod quota;
mod records;
mod run;
mod runtime;
mod tasks;
mod ticker;

pub use blobs::{BlobDir, Blobs};
pub use executor::WasmExecutor;
pub use network::{Endpoint, Network};
pub use options::WasmOptions;
