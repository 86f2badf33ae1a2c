//! What a pod wants, reduced to what the state machine and its runners need.

use crate::probe::ContainerProbes;
use std::time::Duration;

/// Which ends of a container lead to another run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Every end.
    #[default]
    Always,
    /// Every end but success.
    OnFailure,
    /// None.
    Never,
}

impl RestartPolicy {
    /// Whether a container runs again after an end.
    #[must_use]
    pub fn restarts(self, succeeded: bool) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => !succeeded,
            Self::Never => false,
        }
    }

    /// The policy for init containers, for which success is the goal and never a reason to repeat.
    #[must_use]
    pub fn of_init(self) -> Self {
        if self == Self::Never { Self::Never } else { Self::OnFailure }
    }
}

/// One container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerPlan {
    /// Name, unique within the pod.
    pub name: String,
    /// Image reference, for the status.
    pub image: String,
    /// What is asked of it while it runs.
    pub probes: ContainerProbes,
}

/// What a pod wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodPlan {
    /// Which ends lead to another run.
    pub restart: RestartPolicy,
    /// Run one after the other, each to success, before anything else.
    pub init: Vec<ContainerPlan>,
    /// Run together afterwards.
    pub main: Vec<ContainerPlan>,
    /// Time between SIGTERM and SIGKILL when a failed probe ends a container.
    pub grace: Duration,
    /// Why this agent cannot run the pod: nothing is started, the status says it.
    pub refused: Option<String>,
}

impl PodPlan {
    /// All containers, init containers first.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerPlan> {
        self.init.iter().chain(&self.main)
    }
}
