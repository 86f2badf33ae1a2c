//! Three processes, killed again and again while clients write: nothing acknowledged is lost.

use crate::process::Tuning;
use crate::trial::Trial;
use quorate_seams::SystemClock;

/// `make torture KILLS=500` asks for more.
const KILLS: usize = 50;

/// Kills a member, sees the others go on, and brings it back.
async fn kill_and_restart(trial: &Trial, victim: usize) {
    trial.member(victim).kill().await;
    trial.member(victim + 1).must("ready").await;
    trial.goes_on("writes go on without it", 4).await;
    trial.start(victim, &Tuning::default()).must("ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_writes_lose_nothing_and_leave_no_gap() {
    let clock = SystemClock::shared();
    let root = tempfile::tempdir().unwrap();
    let kills = crate::torture::asked_for("KILLS", KILLS);
    let trial = Trial::begin(root.path(), 3, &Tuning::default()).await;
    let writers = trial.write_from(4, 16);
    let begin = clock.now();
    for round in 0..kills {
        let leader = trial.leader().await;
        let victim = if round % 2 == 0 { leader } else { (leader + 1 + round / 2 % 2) % 3 };
        kill_and_restart(&trial, victim).await;
        if round % 50 == 49 {
            trial.agree().await;
        }
    }
    trial.rest(writers).await;
    println!("{kills} kills in {:?}: {}", clock.now() - begin, trial.tally());
    trial.verify().await;
}
