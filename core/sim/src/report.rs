//! What a run gives.

/// How much happened in a run: a run in which nothing did proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were answered.
    pub answered: u64,
    /// Requests of which nobody knows what became.
    pub unknown: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Revisions of the store.
    pub revisions: u64,
    /// Events that watches delivered.
    pub watched: u64,
    /// Leases granted.
    pub leases: u64,
    /// Faults injected.
    pub faults: u64,
    /// Starts of members after the first.
    pub restarts: u64,
    /// Terms with a leader.
    pub terms: u64,
    /// Keys for which the search of an order was given up.
    pub undecided: u64,
    /// Polls of tasks.
    pub polls: u64,
}

/// The outcome of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// A hash over everything that happened.
    pub hash: u64,
    /// What was wrong; empty if nothing was.
    pub violations: Vec<String>,
    /// How much happened.
    pub counts: Counts,
    /// What was simulated, in a few words.
    pub plan: String,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            unknown: self.unknown + other.unknown,
            refused: self.refused + other.refused,
            revisions: self.revisions + other.revisions,
            watched: self.watched + other.watched,
            leases: self.leases + other.leases,
            faults: self.faults + other.faults,
            restarts: self.restarts + other.restarts,
            terms: self.terms + other.terms,
            undecided: self.undecided + other.undecided,
            polls: self.polls + other.polls,
        }
    }
}
