//! A case: a name, what it asks of the subject, and what it does.

use crate::{Bench, Subject, Verdict};
use futures::future::LocalBoxFuture;
use quorate_executor::Capabilities;

/// What a case does with a bench.
pub type Action = for<'b> fn(&'b Bench<'b>) -> LocalBoxFuture<'b, Verdict>;

/// What a subject may offer: a capability of its executor, or a way for the kit to look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// [`Capabilities::survives_agent`].
    SurvivesAgent,
    /// [`Capabilities::contains_descendants`].
    ContainsDescendants,
    /// [`Capabilities::exit_signals`].
    ExitSignals,
    /// [`Capabilities::mounts`].
    Mounts,
    /// [`Capabilities::limits_cpu`].
    LimitsCpu,
    /// [`Capabilities::limits_memory`].
    LimitsMemory,
    /// [`Capabilities::limits_pids`].
    LimitsPids,
    /// [`Capabilities::exec`].
    Exec,
    /// [`Capabilities::usage`].
    Usage,
    /// [`Subject::shares_files`].
    Files,
    /// [`Subject::shares_processes`].
    Processes,
    /// [`Subject::shares_network`].
    Network,
    /// [`Subject::unix`].
    Unix,
    /// [`Subject::cut`].
    Cut,
}

impl Need {
    /// Whether a subject with these capabilities offers it.
    #[must_use]
    pub fn met(self, subject: &Subject, capabilities: Capabilities) -> bool {
        match self {
            Self::SurvivesAgent => capabilities.survives_agent,
            Self::ContainsDescendants => capabilities.contains_descendants,
            Self::ExitSignals => capabilities.exit_signals,
            Self::Mounts => capabilities.mounts,
            Self::LimitsCpu => capabilities.limits_cpu,
            Self::LimitsMemory => capabilities.limits_memory,
            Self::LimitsPids => capabilities.limits_pids,
            Self::Exec => capabilities.exec,
            Self::Usage => capabilities.usage,
            Self::Files => subject.shares_files,
            Self::Processes => subject.shares_processes,
            Self::Network => subject.shares_network,
            Self::Unix => subject.unix,
            Self::Cut => subject.cut.is_some(),
        }
    }
}

/// One case of the kit.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `area.what_holds`; unique.
    pub name: &'static str,
    /// What the subject must offer for the case to make sense.
    pub needs: &'static [Need],
    /// What the subject must not offer: the case says how its absence has to look.
    pub lacks: Option<Need>,
    /// What it does.
    pub action: Action,
}

impl Case {
    /// A case for every subject.
    pub(crate) const fn new(name: &'static str, action: Action) -> Self {
        Self { name, needs: &[], lacks: None, action }
    }

    /// A case for subjects that offer all of these.
    pub(crate) const fn with(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// A case for subjects that do not offer this.
    pub(crate) const fn without(mut self, lacks: Need) -> Self {
        self.lacks = Some(lacks);
        self
    }

    /// Why it is not asked of a subject, if it is not.
    pub(crate) fn reason_to_skip(
        &self,
        subject: &Subject,
        capabilities: Capabilities,
    ) -> Option<String> {
        let unmet = self.needs.iter().find(|need| !need.met(subject, capabilities));
        let unmet = unmet.map(|need| format!("needs {need:?}"));
        let met = self.lacks.filter(|need| need.met(subject, capabilities));
        unmet.or_else(|| met.map(|need| format!("only without {need:?}")))
    }
}
