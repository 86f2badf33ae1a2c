//! Which pod of a stateful set is made or given up next. Pure.
//!
//! In order: a pod is made when all before it serve, and given up when all before it serve and it is
//! the last; an exchange goes from the last to the first and waits for each. In parallel: making and
//! giving up wait for nobody, exchanging still does.

/// What there is of an ordinal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Replica {
    pub(super) ordinal: i32,
    /// Whether its pod is there at all.
    pub(super) exists: bool,
    /// Whether its pod has been told to end.
    pub(super) deleting: bool,
    /// Whether its pod has ended by itself.
    pub(super) ended: bool,
    /// Whether its pod runs and is ready.
    pub(super) ready: bool,
    /// Whether it has been so for long enough.
    pub(super) available: bool,
    /// Hash of the template that its pod was made of.
    pub(super) hash: String,
}

impl Replica {
    fn serves(&self) -> bool {
        self.exists && self.available && !self.deleting
    }
}

/// What the set asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Whether pods come and go one after another.
    pub(super) ordered: bool,
    /// The hash of the template that all shall have in the end.
    pub(super) update: String,
    /// Ordinals below this keep their template; `None` if nothing is exchanged unless deleted.
    pub(super) partition: Option<i32>,
    /// Pods that an exchange may take down at a time.
    pub(super) max_unavailable: usize,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Ordinals whose pod is made.
    pub(super) create: Vec<i32>,
    /// Ordinals whose pod is deleted, to be made anew or to be gone.
    pub(super) delete: Vec<i32>,
}

/// The next step. `wanted_replicas` are sorted by ordinal, `condemned` likewise.
pub(super) fn plan(wanted_replicas: &[Replica], condemned: &[Replica], wanted: &Wanted) -> Plan {
    let mut plan = Plan::default();
    if !fill(wanted_replicas, wanted, &mut plan) {
        return plan;
    }
    if !shrink(wanted_replicas, condemned, wanted, &mut plan) {
        return plan;
    }
    exchange(wanted_replicas, wanted, &mut plan);
    plan
}

/// Makes what is missing; whether the next stage may begin.
fn fill(replicas: &[Replica], wanted: &Wanted, plan: &mut Plan) -> bool {
    for replica in replicas {
        if replica.ended && !replica.deleting {
            plan.delete.push(replica.ordinal);
        } else if !replica.exists {
            plan.create.push(replica.ordinal);
        } else if replica.serves() || !wanted.ordered {
            continue;
        }
        if wanted.ordered {
            return false;
        }
    }
    true
}

/// Gives up what is too much, the last first; whether the next stage may begin.
fn shrink(replicas: &[Replica], condemned: &[Replica], wanted: &Wanted, plan: &mut Plan) -> bool {
    let present: Vec<&Replica> = condemned.iter().filter(|one| one.exists).collect();
    if !wanted.ordered {
        plan.delete.extend(present.iter().filter(|one| !one.deleting).map(|one| one.ordinal));
        return true;
    }
    let Some(last) = present.last() else { return true };
    let all_before = replicas.iter().chain(present.iter().copied().take(present.len() - 1));
    // One that does not serve itself need not be waited for.
    let first_faulty = all_before.filter(|one| !one.serves()).map(|one| one.ordinal).min();
    if !last.deleting && first_faulty.is_none() {
        plan.delete.push(last.ordinal);
    }
    false
}

/// Gives up pods of an older template, from the last to the first, so that they are made anew.
fn exchange(replicas: &[Replica], wanted: &Wanted, plan: &mut Plan) {
    let Some(partition) = wanted.partition else { return };
    let mut down = replicas.iter().filter(|one| !one.serves()).count();
    for replica in replicas.iter().rev().filter(|one| one.ordinal >= partition) {
        let is_old = replica.exists && replica.hash != wanted.update;
        if is_old && !replica.deleting && !plan.delete.contains(&replica.ordinal) {
            // One that is down already is taken at once: nothing is lost by it.
            if replica.serves() {
                if down >= wanted.max_unavailable {
                    return;
                }
                down += 1;
            }
            plan.delete.push(replica.ordinal);
            if wanted.max_unavailable <= 1 {
                return;
            }
        } else if !replica.serves() && wanted.max_unavailable <= 1 {
            return;
        }
    }
}
