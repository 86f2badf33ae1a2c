//! Probes: whether a running container has started, is ready, is alive.
//!
//! Place: [`ProbeState`] counts answers and says when to ask next (pure); [`check`] asks once;
//! [`ProbeSet`] holds the runners of one pod and tells its actor about changes.
//!
//! Timing is Kubernetes', with one addition for latency: while `initialDelaySeconds` is 0 and
//! nothing has succeeded, readiness and startup probes ask again after 10, 20, 50, 100, 200 and
//! 500 ms within their first period. These early failures do not count towards the threshold.

mod check;
mod read;
mod runner;
mod state;

pub use check::check;
pub use read::read_probes;
pub use runner::{Health, ProbeReport, ProbeSet};
pub use state::{ProbeState, Verdict};

use std::time::Duration;

/// What a probe decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    /// Whether the container has started; the other probes wait for it.
    Startup,
    /// Whether it can serve.
    Readiness,
    /// Whether it must be restarted.
    Liveness,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeAction {
    /// An HTTP GET that must answer 200 to 399.
    HttpGet {
        /// Host to connect to; the pod's address if not given.
        host: Option<String>,
        /// Port.
        port: u16,
        /// Path with query.
        path: String,
        /// Further headers; `Host` replaces the default one.
        headers: Vec<(String, String)>,
    },
    /// A TCP connection that must be accepted.
    TcpSocket {
        /// Host to connect to; the pod's address if not given.
        host: Option<String>,
        /// Port.
        port: u16,
    },
}

/// One probe of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked.
    pub action: ProbeAction,
    /// Wait before the first question.
    pub initial_delay: Duration,
    /// Time between questions.
    pub period: Duration,
    /// Time for an answer.
    pub timeout: Duration,
    /// Successes in a row that make a success.
    pub success_threshold: u32,
    /// Failures in a row that make a failure.
    pub failure_threshold: u32,
}

/// The probes of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerProbes {
    /// Holds back the others until it succeeds; its failure ends the container.
    pub startup: Option<Probe>,
    /// Decides readiness; without it a started container is ready.
    pub readiness: Option<Probe>,
    /// Its failure ends the container.
    pub liveness: Option<Probe>,
}

impl ContainerProbes {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.startup.is_none() && self.readiness.is_none() && self.liveness.is_none()
    }
}
