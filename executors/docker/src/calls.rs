//! The engine, asked with patience that ends, and its faults in the contract's words.

use crate::engine::{Engine, Fault};
use quorate_executor::Error;
use quorate_seams::{SharedClock, timeout};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// The kind that `runtimeClassName` names.
pub(crate) const KIND: &str = "docker";

/// An engine and how long to wait for it.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) clock: SharedClock,
    pub(crate) patience: Duration,
}

impl Calls {
    /// Waits for an answer; one that does not come is lost.
    pub(crate) async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        self.ask_for(self.patience, call).await
    }

    /// As above, with patience of another length.
    pub(crate) async fn ask_for<T>(
        &self,
        patience: Duration,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let answer = timeout(&*self.clock, patience, call).await;
        answer.unwrap_or_else(|| Err(Fault::Lost(format!("no answer in {patience:?}"))))
    }
}

/// The error of a fault that says nothing about the specification.
pub(crate) fn unreachable(doing: &str, fault: &Fault) -> Error {
    Error::Unreachable { executor: KIND, reason: format!("{doing}: {fault}") }
}
