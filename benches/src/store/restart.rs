//! `restart`: memory with many keys, and the first linearizable read after SIGKILL.

use super::Failure;
use super::bench::{Bench, Side, load};
use super::process::resident_mib;
use super::table::Floor;
use super::wire::{Method, Session, VALUE_BYTES, range};
use std::time::Duration;

/// Memory is looked at once the server has come to rest.
const REST: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(1);
const GIVE_UP: Duration = Duration::from_secs(60);

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Failure> {
    let keys: u64 = if bench.options.quick { 100_000 } else { 1_000_000 };
    let memory = format!("{keys} keys of {VALUE_BYTES} B: RSS");
    let read = format!("kill -9 with {keys} keys: first read");
    let mut sides = bench.sides(1).await?;
    for side in &sides {
        bench.say(&format!("{memory}: {}", side.name));
        load(side.leader, keys, VALUE_BYTES).await?;
        bench.clock.sleep(REST).await;
        let rss = resident_mib(&side.servers.pids())?;
        let floor = [Floor::TimesAtMost(&[("3.", 0.5)])];
        bench.add(&memory, "MiB", &floor, &side.name, rss);
    }
    for _ in 0..bench.options.rounds {
        for side in &mut sides {
            bench.say(&format!("{read}: {}", side.name));
            let took = restart(bench, side, keys).await?;
            bench.add(&read, "s", &[Floor::AtMost(0.5)], &side.name, took.as_secs_f64());
        }
    }
    Ok(())
}

/// From the start of the process to the answer.
async fn restart(bench: &Bench, side: &mut Side, keys: u64) -> Result<Duration, Failure> {
    side.servers.kill();
    let began = bench.clock.now();
    side.servers.start_again()?;
    loop {
        if let Ok(answer) = read(side, keys / 2).await {
            let took = bench.clock.now() - began;
            let found = answer.windows(VALUE_BYTES).next().is_some();
            return if found { Ok(took) } else { Err("a key is missing after the restart".into()) };
        }
        if bench.clock.now() - began > GIVE_UP {
            return Err(format!("{} does not serve after the restart", side.name).into());
        }
        bench.clock.sleep(LOOK_AGAIN).await;
    }
}

async fn read(side: &Side, key: u64) -> Result<Vec<u8>, Failure> {
    let mut session = Session::open(side.servers.first()).await?;
    session.call(Method::Range, range(key)).await
}
