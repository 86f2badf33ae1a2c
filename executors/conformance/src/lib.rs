//! The kit that every executor is held to, and the workload that it runs.
//!
//! Place: beside the executors; it knows `executors/api` and no concrete executor. The author of one
//! describes it as a [`Subject`] and calls [`run`]; the [`Report`] prints a table and names what
//! failed. `examples/children.rs` is a whole executor held to the kit.
//!
//! Invariants:
//! - A capability that is claimed and does not work is a failure; one that is not claimed is either
//!   not asked for or has to answer `Unsupported`.
//! - No case depends on how fast anything is: a case waits for a condition, and fails only once the
//!   subject's patience is over.
//! - The kit is tested itself: [`faulty`] holds executors with one defect each, and a test says which
//!   case finds which.
//!
//! ```no_run
//! # async fn example(executor: quorate_executor::SharedExecutor) -> Result<(), Box<dyn std::error::Error>> {
//! use quorate_conformance::{Probe, Subject, cases, run};
//! let probe = Probe::build("/tmp/probe".as_ref())?;
//! let image = format!("file://{}", probe.path().display());
//! let open = Subject::opener(move || {
//!     let executor = executor.clone();
//!     async move { Ok(executor) }
//! });
//! let subject = Subject::new(open, image, probe.path(), "/tmp/kit");
//! let report = run(&subject, &cases()).await;
//! assert!(report.failures().next().is_none(), "{report}");
//! # Ok(()) }
//! ```

mod bench;
mod case;
mod cases;
mod failure;
pub mod faulty;
mod log;
mod probe;
mod report;
mod run;
mod subject;
mod tar;

pub use bench::Bench;
pub use case::{Action, Case, Need};
pub use cases::all as cases;
pub use failure::{Failure, Verdict};
pub use log::{Line, read as read_log};
pub use probe::{Probe, ProbeError, Wasi};
pub use report::{Outcome, Report, Row};
pub use run::run;
pub use subject::{Cut, Opener, Subject};
