//! The pod state machine: what a pod wants, what has happened, what is seen, what to do next.
//!
//! Place: the pure heart of the agent. [`decide`] is called by the pod's actor, which writes the
//! returned history to the journal before it carries out the actions. Nothing here performs I/O,
//! reads a clock or waits.
//!
//! Invariants, held by property tests:
//! - a run begins only after the run before it is proven ended and that proof is in the history;
//! - a task that cannot be observed ([`Observed::Unreachable`](quorate_executor::Observed)) is never
//!   restarted, stopped twice for nothing, or declared ended;
//! - a deletion ends with no task left;
//! - deciding again on the result of a decision asks for nothing new.

mod backoff;
mod decide;
mod history;
mod plan;
mod stop;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub use backoff::RestartBackOff;
pub use decide::{Action, Decision, Observation, decide};
pub(crate) use decide::{is_over, succeeded};
pub use history::{ContainerRecord, History, PastRun, PodRecord, Trouble};
pub use plan::{ContainerPlan, PodPlan, RestartPolicy};
pub use stop::StopRequest;
