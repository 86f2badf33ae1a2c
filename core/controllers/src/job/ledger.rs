//! The counts of a job: what its status says, and the pods whose end is added to it now.
//!
//! Each end is counted once: a pod that is counted loses its finalizer in the transaction that
//! stores the count.

use super::indexes;
use super::pods::{self, JobPod, State};
use super::policy::{self, Verdict};
use quorate_kinds::{Job, JobSpec};
use std::collections::BTreeSet;

/// The counts, brought up to date.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) succeeded: i32,
    pub(super) failed: i32,
    /// Indexes that are done.
    pub(super) done: BTreeSet<i32>,
    /// Indexes that are given up.
    pub(super) lost: BTreeSet<i32>,
    /// Why a rule for failures ends the job.
    pub(super) refused: Option<String>,
    /// Places of the pods that are counted now.
    pub(super) ends: Vec<usize>,
    /// How many of them have failed, and whether one has succeeded.
    pub(super) new_failures: u32,
    pub(super) new_success: bool,
}

/// Whether each pod stands for an index.
pub(super) fn is_indexed(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref() == Some("Indexed")
}

impl Ledger {
    pub(super) fn new(job: &Job, spec: &JobSpec, pods: &[JobPod]) -> Self {
        let mut ledger = Self::stored(job);
        for (place, pod) in pods.iter().enumerate().filter(|(_, pod)| pod.tracked) {
            match pod.state {
                State::Active | State::Terminating => continue,
                State::Succeeded => ledger.success(spec, pod),
                State::Failed => ledger.failure(job, pod),
            }
            ledger.ends.push(place);
        }
        ledger.give_up(spec, pods);
        if is_indexed(spec) {
            ledger.succeeded = i32::try_from(ledger.done.len()).unwrap_or(i32::MAX);
        }
        ledger
    }

    fn stored(job: &Job) -> Self {
        let Some(status) = &job.status else { return Self::default() };
        let set = |text: &Option<String>| indexes::parse(text.as_deref().unwrap_or_default());
        Self {
            succeeded: status.succeeded.unwrap_or(0),
            failed: status.failed.unwrap_or(0),
            done: set(&status.completed_indexes),
            lost: set(&status.failed_indexes),
            ..Self::default()
        }
    }

    fn success(&mut self, spec: &JobSpec, pod: &JobPod) {
        self.new_success = true;
        self.succeeded += 1;
        let within = |index: &i32| *index < spec.completions.unwrap_or(0);
        self.done.extend(pod.index.filter(within));
    }

    fn failure(&mut self, job: &Job, pod: &JobPod) {
        match policy::judge(job, &pod.pod) {
            Verdict::Ignore => return,
            Verdict::Count => {}
            Verdict::FailIndex => self.lost.extend(pod.index),
            Verdict::FailJob(why) => {
                self.refused.get_or_insert(why);
            }
        }
        self.failed += 1;
        self.new_failures += 1;
    }

    /// Gives up the indexes that have failed too often.
    fn give_up(&mut self, spec: &JobSpec, all: &[JobPod]) {
        if let Some(limit) = spec.backoff_limit_per_index {
            let failures = pods::failures(all).into_iter();
            self.lost.extend(failures.filter(|(_, count)| *count > limit).map(|(index, _)| index));
        }
        let done = &self.done;
        self.lost.retain(|index| !done.contains(index));
    }

    /// How many successes are still wanted.
    pub(super) fn remaining(&self, completions: i32) -> i32 {
        let lost = i32::try_from(self.lost.len()).unwrap_or(i32::MAX);
        (completions - self.succeeded - lost).max(0)
    }
}
