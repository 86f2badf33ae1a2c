//! Counting answers, without clock or network.

use super::{Probe, ProbeKind};
use std::time::Duration;

/// Waits between the early questions of a probe that has not succeeded yet.
const EARLY_MS: [u64; 6] = [10, 20, 50, 100, 200, 500];

/// What the answers so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Enough successes in a row.
    Success,
    /// Enough failures in a row.
    Failure,
}

/// The answers of one probe during one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeState {
    verdict: Option<Verdict>,
    successes: u32,
    failures: u32,
    succeeded_once: bool,
    early: usize,
    waited: Duration,
}

impl ProbeState {
    /// The state of a probe whose verdict is known from before the agent started.
    #[must_use]
    pub fn resumed(verdict: Verdict) -> Self {
        let succeeded_once = verdict == Verdict::Success;
        Self { verdict: Some(verdict), succeeded_once, ..Self::default() }
    }

    /// The verdict as it stands.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Counts an answer and says how long to wait before the next question.
    pub fn answer(&mut self, kind: ProbeKind, probe: &Probe, success: bool) -> Duration {
        let early = self.early_wait(kind, probe, success);
        if success {
            self.succeeded_once = true;
            self.failures = 0;
            self.successes = self.successes.saturating_add(1);
            if self.successes >= probe.success_threshold {
                self.verdict = Some(Verdict::Success);
            }
        } else if early.is_none() {
            self.successes = 0;
            self.failures = self.failures.saturating_add(1);
            if self.failures >= probe.failure_threshold {
                self.verdict = Some(Verdict::Failure);
            }
        }
        early.unwrap_or(probe.period)
    }

    /// The wait after an early failure; `None` once the regular rhythm applies.
    fn early_wait(&mut self, kind: ProbeKind, probe: &Probe, success: bool) -> Option<Duration> {
        let eligible = kind != ProbeKind::Liveness
            && probe.initial_delay.is_zero()
            && !success
            && !self.succeeded_once
            && self.verdict.is_none();
        let wait = EARLY_MS.get(self.early).map(|ms| Duration::from_millis(*ms))?;
        if !eligible || self.waited + wait >= probe.period {
            self.early = EARLY_MS.len();
            return None;
        }
        self.early += 1;
        self.waited += wait;
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ProbeAction;
    use super::*;
    use proptest::prelude::*;

    fn probe(success_threshold: u32, failure_threshold: u32) -> Probe {
        Probe {
            action: ProbeAction::TcpSocket { host: None, port: 1 },
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            success_threshold,
            failure_threshold,
        }
    }

    #[test]
    fn a_probe_that_fails_from_the_start_asks_early_and_then_once_per_period() {
        let probe = probe(1, 2);
        let mut state = ProbeState::default();
        let mut ask = || state.answer(ProbeKind::Readiness, &probe, false).as_millis();
        let waits: Vec<u128> = (0..8).map(|_| ask()).collect();
        assert_eq!(waits, [10, 20, 50, 100, 200, 500, 1000, 1000]);
        assert_eq!(state.verdict(), Some(Verdict::Failure), "the two regular failures count");
    }

    #[test]
    fn early_failures_do_not_count_towards_the_threshold() {
        let probe = probe(1, 1);
        let mut state = ProbeState::default();
        for _ in 0..6 {
            state.answer(ProbeKind::Startup, &probe, false);
        }
        assert_eq!(state.verdict(), None);
        assert_eq!(state.answer(ProbeKind::Startup, &probe, true), probe.period);
        assert_eq!(state.verdict(), Some(Verdict::Success));
        state.answer(ProbeKind::Startup, &probe, false);
        assert_eq!(
            state.verdict(),
            Some(Verdict::Failure),
            "after a success the rhythm is regular"
        );
    }

    #[test]
    fn a_delayed_probe_and_a_liveness_probe_have_no_early_questions() {
        let delayed = Probe { initial_delay: Duration::from_secs(3), ..probe(1, 3) };
        let wait = ProbeState::default().answer(ProbeKind::Readiness, &delayed, false);
        assert_eq!(wait, delayed.period);
        let wait = ProbeState::default().answer(ProbeKind::Liveness, &probe(1, 3), false);
        assert_eq!(wait, Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn the_verdict_flips_only_after_enough_equal_answers_in_a_row(
            success_threshold in 1u32..4,
            failure_threshold in 1u32..4,
            answers in proptest::collection::vec(any::<bool>(), 0..60),
        ) {
            let probe = probe(success_threshold, failure_threshold);
            let mut state = ProbeState::default();
            let (mut before, mut run, mut last) = (None, 0u32, None);
            for answer in answers {
                run = if last == Some(answer) { run + 1 } else { 1 };
                last = Some(answer);
                state.answer(ProbeKind::Liveness, &probe, answer);
                if state.verdict() != before {
                    let needed = if answer { success_threshold } else { failure_threshold };
                    prop_assert!(run >= needed);
                }
                before = state.verdict();
            }
        }
    }
}
