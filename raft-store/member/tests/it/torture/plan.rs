//! What goes wrong in a cycle, drawn from a seed.

use crate::process::Tuning;
use quorate_seams::{Random, SeededRandom};

/// Whose files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Log,
    State,
    Transfer,
}

impl Place {
    /// What paths of its files contain.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Self::Log => "/log/",
            Self::State => "/state/",
            Self::Transfer => "/transfer/",
        }
    }
}

/// What the victim is when the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Follower,
    Leader,
    /// It has been away and gets a snapshot.
    Receiver,
    /// It leads, and another one gets a snapshot from it.
    Sender,
}

/// Whether the fault ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Must,
    May,
    Never,
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) role: Role,
    /// The victim, counted from the leader.
    pub(super) offset: usize,
    pub(super) place: Place,
    /// The kind of system call.
    pub(super) calls: &'static str,
    /// As in `faults.c`.
    pub(super) deed: String,
    /// Calls that go well before.
    pub(super) after: u64,
    /// Calls that go wrong; 0: all from then on.
    pub(super) times: u64,
    pub(super) ends: Ends,
    /// Of the victim, with the fault and after it.
    pub(super) tuning: Tuning,
}

/// Small segments and frequent snapshots, so that every kind of call comes often.
pub(super) fn tuning(random: &SeededRandom) -> Tuning {
    Tuning {
        after: *pick(random, &[30, 60, 120]),
        keep: *pick(random, &[10, 30]),
        segment: *pick(random, &[16 << 10, 64 << 10, 1 << 20]),
        ..Tuning::default()
    }
}

fn pick<'a, T>(random: &SeededRandom, from: &'a [T]) -> &'a T {
    let at = random.below(u64::try_from(from.len()).unwrap());
    &from[usize::try_from(at).unwrap()]
}

impl Plan {
    pub(super) fn draw(random: &SeededRandom, members: usize) -> Self {
        let alone = members == 1;
        let place = *pick(random, &[Place::Log, Place::Log, Place::State, Place::Transfer]);
        // Alone, nobody sends or gets a snapshot.
        let place = if alone && place == Place::Transfer { Place::Log } else { place };
        let role = match place {
            _ if alone => Role::Leader,
            Place::Transfer => *pick(random, &[Role::Receiver, Role::Sender]),
            _ => *pick(random, &[Role::Follower, Role::Leader]),
        };
        let calls = *pick(random, calls_of(place));
        let deed = pick(random, deeds_of(calls)).to_string();
        let deed = if deed == "delay:" {
            format!("delay:{}", pick(random, &[10, 50, 200, 1000]))
        } else {
            deed
        };
        let usual = usual_calls(place, calls);
        let after = match random.below(3) {
            0 => random.below(usual.min(4)),
            _ => random.below(usual),
        };
        let slow = deed.starts_with("delay") || deed == "short";
        let times = if slow { 1 + random.below(10) } else { *pick(random, &[1, 1, 0]) };
        let offset = usize::try_from(random.below(u64::try_from(members).unwrap())).unwrap();
        let mut tuning = tuning(random);
        if place == Place::Log && !matches!(calls, "write" | "sync") {
            // The shortest segments are begun most often.
            tuning.segment = 16 << 10;
        }
        let ends = ends(place, calls, &deed);
        Self { role, offset, place, calls, deed, after, times, ends, tuning }
    }

    /// Whether the process dies without a word.
    pub(super) fn kills(&self) -> bool {
        self.deed == "kill" || self.deed == "late"
    }

    /// Whether no snapshot can arrive as long as the fault lasts.
    pub(super) fn keeps_away(&self) -> bool {
        self.role == Role::Receiver && self.times == 0 && self.ends == Ends::May
    }

    /// Whether a last line names the cause.
    pub(super) fn explains(&self, line: &str) -> bool {
        let cause = match &*self.deed {
            "enospc" => ["os error 28", "No space left on device", "NoSpace"],
            _ => ["os error 5", "Input/output error", "IO error"],
        };
        cause.iter().any(|cause| line.contains(cause))
    }
}

fn calls_of(place: Place) -> &'static [&'static str] {
    match place {
        Place::Log => &["write", "write", "sync", "sync", "sync", "rename", "create", "allocate"],
        Place::State => &["write", "sync", "sync", "rename", "create", "read"],
        Place::Transfer => &["write", "sync", "create", "read"],
    }
}

fn deeds_of(calls: &str) -> &'static [&'static str] {
    match calls {
        "write" => &["eio", "enospc", "short", "kill", "late"],
        "sync" => &["eio", "drop", "drop", "delay:", "delay:", "kill", "late"],
        "read" => &["eio"],
        _ => &["eio", "enospc", "kill", "late"],
    }
}

/// About how many of these calls come within a few seconds.
fn usual_calls(place: Place, calls: &str) -> u64 {
    match (place, calls) {
        (Place::Log, "write" | "sync") => 300,
        (Place::Log, "rename") => 8,
        // Segments are recycled, so few are made.
        (Place::Log, _) => 2,
        (Place::State, "write" | "read") => 200,
        (Place::State, _) => 30,
        (Place::Transfer, _) => 8,
    }
}

/// A log that failed once never goes on. RocksDB may try again by itself, and the state is derived;
/// a snapshot that cannot be sent or received is sent again.
fn ends(place: Place, calls: &str, deed: &str) -> Ends {
    match (place, calls, deed) {
        (_, _, "kill" | "late") => Ends::Must,
        (_, _, "short") => Ends::Never,
        (_, _, deed) if deed.starts_with("delay") => Ends::Never,
        (Place::Log, "write" | "sync" | "rename" | "create" | "allocate", _) => Ends::Must,
        _ => Ends::May,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_plans() {
        let draw = || {
            let random = SeededRandom::new(7);
            (0..50).map(|_| format!("{:?}", Plan::draw(&random, 3))).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
    }
}
