//! `quorate-bench store`: the store's promises.

mod in_process;
mod load;
mod process;

use bytes::Bytes;
use quorate_member::Member;
use quorate_store::{Store, Txn};
use std::time::Duration;

/// Whatever ends a bench.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Putter {
    member: Member,
    key: u64,
    step: u64,
    value: Bytes,
}

impl load::Client for Putter {
    async fn once(&mut self) -> Result<(), Failure> {
        self.key = (self.key + self.step) % 1_000_000;
        let key = format!("/bench/{:012}", self.key);
        self.member.txn(Txn::put(key, self.value.clone())).await?;
        Ok(())
    }
}

#[allow(clippy::print_stdout, reason = "a bench prints its table")]
pub(crate) async fn run(arguments: &[String]) -> Result<(), Failure> {
    let clients: u64 = arguments.get(1).map_or(Ok(256), |text| text.parse())?;
    let seconds: u64 = arguments.get(2).map_or(Ok(5), |text| text.parse())?;
    let sizes: Vec<usize> = match arguments.get(3) {
        Some(text) => vec![text.parse()?],
        None => vec![1, 3],
    };
    for members in sizes {
        let dir = tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| ".".into()))?;
        let cluster = in_process::start(dir.path(), members).await?;
        let leader = &cluster[0];
        let putter = |key| Putter {
            member: leader.clone(),
            key,
            step: clients,
            value: Bytes::from(vec![b'v'; 256]),
        };
        let own = [std::process::id()];
        let mut marks = Vec::new();
        let seen = load::run(
            (0..clients).map(putter).collect(),
            Duration::from_secs(2),
            Duration::from_secs(seconds),
            || {
                let stats = leader.log_stats();
                marks.push((process::cpu_seconds(&own)?, stats.syncs, stats.bytes));
                Ok(())
            },
        )
        .await?;
        let cpu = (marks[1].0 - marks[0].0) * 1e6 / seen.operations as f64;
        let syncs = marks[1].1 - marks[0].1;
        println!(
            "{members} members, {clients} writers: {:.0} puts/s, p50 {} µs, p99 {} µs, {cpu:.1} CPU-µs per put, {:.0} puts per fdatasync, {} log bytes per put, RSS {:.0} MiB",
            seen.rate(),
            seen.quantile(0.5),
            seen.quantile(0.99),
            seen.operations as f64 / syncs as f64,
            (marks[1].2 - marks[0].2) / seen.operations,
            process::resident_mib(&own)?
        );
        for member in cluster {
            member.shutdown().await?;
        }
    }
    Ok(())
}
