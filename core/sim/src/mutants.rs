//! The catalogue of deliberate bugs, by which the checkers are measured: each must be found.
//!
//! A bug is a switch in product code ([`quorate_seams::bug`]) that is compiled in only with the
//! feature `mutants`.

use crate::Report;
use quorate_seams::switch_bug;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One deliberate bug.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The switch.
    pub name: &'static str,
    /// What it breaks.
    pub breaks: &'static str,
}

const fn mutant(name: &'static str, breaks: &'static str) -> Mutant {
    Mutant { name, breaks }
}

/// Every deliberate bug.
pub const CATALOGUE: &[Mutant] = &[
    mutant("log-skips-sync", "a group of the log is not synced"),
    mutant("log-ignores-failed-sync", "a failed sync counts as done"),
    mutant("log-skips-directory-sync", "names of segments are not synced"),
    mutant("log-acknowledges-before-writing", "callbacks run before the write"),
    mutant("log-forgets-vote", "a vote is kept in memory only"),
    mutant("log-forgets-truncation", "a truncation is kept in memory only"),
    mutant("log-reads-without-checksum", "recovery believes damaged frames"),
    mutant("raft-votes-before-durable", "a vote is answered before it is durable"),
    mutant("raft-acknowledges-before-durable", "an append is answered before it is durable"),
    mutant("raft-purges-what-is-not-durable", "the log goes before the state is durable"),
    mutant("raft-loses-an-entry-of-a-batch", "larger batches lose their third entry"),
    mutant("raft-reads-without-quorum", "a leader does not confirm itself before a read"),
    mutant("raft-reads-before-applied", "a read does not wait for what was committed"),
    mutant("raft-repeats-what-may-have-happened", "a write of unknown outcome is repeated"),
    mutant("raft-believes-any-birth", "a member with an emptied directory takes part"),
    mutant("raft-believes-a-disk-set-back", "a member whose disk was set back takes part"),
    mutant(
        "raft-believes-a-change-in-its-log",
        "a change of members that is not committed is answered as made",
    ),
    mutant(
        "raft-leaves-a-change-half-done",
        "a change of voters that lost its leader stays half done",
    ),
    mutant("raft-sends-nothing-for-ever", "replication of purged entries looks at no newer order"),
    mutant("raft-takes-lost-for-refused", "a lost call counts as never made"),
    mutant("mvcc-compares-any-instead-of-all", "a compare on a range needs only one key"),
    mutant("mvcc-creates-anew-with-every-put", "the create revision is always the newest"),
    mutant("mvcc-compacts-what-is-live", "compaction removes values that are still current"),
    mutant("mvcc-compacts-one-too-far", "compaction sweeps its own revision too"),
    mutant("mvcc-past-read-sees-the-future", "a read at a revision sees the one after it"),
    mutant("mvcc-forgets-more", "a limited read never says that there is more"),
    mutant("watch-ignores-replaced-state", "watchers miss that a snapshot replaced the state"),
    mutant("watch-history-skips-one", "reading the history begins one revision late"),
    mutant("watch-passes-over-compaction", "a watch into compacted history goes on silently"),
    mutant("watch-splits-a-revision", "a long history is cut inside a revision"),
    mutant("watch-forgets-previous-value", "events from the history lack the previous value"),
    mutant("watch-loses-a-wakeup", "sometimes a publication wakes nobody"),
    mutant("watch-ring-forgets-silently", "a watcher behind the ring jumps ahead"),
    mutant("lease-by-wall-clock", "leases expire by the wall clock"),
    mutant("lease-short-after-election", "a new leader does not give leases their whole time"),
    mutant("lease-leader-not-confirmed", "a deposed leader answers for leases"),
    mutant("lease-renewal-shortens", "a renewal gives half of the time"),
    mutant("lease-renewed-after-report", "a lease is renewed while it is being ended"),
    mutant("lease-never-ends", "nobody asks for the end of an expired lease"),
    mutant("lease-leaves-a-key-behind", "ending a lease leaves one of its keys"),
    mutant("mvcc-applies-a-repeat", "a repeated request with a name is applied again"),
    mutant("mvcc-applies-by-chance", "apply draws a random number"),
];

/// Runs a seed with a bug switched on.
#[must_use]
pub fn run_with(mutant: &Mutant, seed: u64) -> Report {
    switch_bug(Some(mutant.name));
    let report = catch_unwind(AssertUnwindSafe(|| crate::run(seed)));
    switch_bug(None);
    report.unwrap_or_else(|_| Report {
        seed,
        hash: 0,
        violations: vec!["the run itself panicked".to_owned()],
        counts: crate::Counts::default(),
        plan: String::new(),
    })
}
