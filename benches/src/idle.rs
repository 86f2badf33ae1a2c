//! What a control plane costs while nothing happens.

use crate::cluster::builder;
use crate::figure::Figure;
use std::error::Error;
use std::time::Duration;

const WATCHED: Duration = Duration::from_secs(10);

/// Share of one core and resident memory of this process with three members and three nodes, ten
/// seconds after ten seconds of rest.
#[allow(clippy::disallowed_methods, reason = "benches measure real time")]
pub(crate) async fn control_plane() -> Result<Vec<Figure>, Box<dyn Error>> {
    let mut shares = Vec::new();
    let mut memory = Vec::new();
    for members in [1, 3] {
        let dir = tempfile::tempdir()?;
        let cluster = builder(&dir, members, 1).start().await?;
        cluster.ready(WATCHED).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let before = cpu_seconds()?;
        tokio::time::sleep(WATCHED).await;
        let share = (cpu_seconds()? - before) / WATCHED.as_secs_f64() * 100.0;
        shares.push((members, share));
        memory.push((members, resident_mib()?));
        cluster.shutdown().await?;
    }
    let of = |list: &[(u64, f64)], wanted: u64| {
        list.iter().filter(|(members, _)| *members == wanted).map(|(_, value)| *value).collect()
    };
    let (cpu, rss) = ("<= 1 % of a core", "<= 100 MiB");
    Ok(vec![
        Figure {
            name: "idle CPU, 1 member, 1 node",
            unit: "%",
            target: cpu,
            values: of(&shares, 1),
        },
        Figure {
            name: "idle memory, 1 member, 1 node",
            unit: "MiB",
            target: rss,
            values: of(&memory, 1),
        },
        Figure {
            name: "idle CPU, 3 members, 1 node",
            unit: "%",
            target: cpu,
            values: of(&shares, 3),
        },
        Figure {
            name: "idle memory, 3 members, 1 node",
            unit: "MiB",
            target: rss,
            values: of(&memory, 3),
        },
    ])
}

/// CPU time of this process so far: user and system, fields 14 and 15 of `/proc/self/stat`.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').ok_or("/proc/self/stat has another form")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64, Box<dyn Error>> {
        Ok(fields.get(at).ok_or("/proc/self/stat is short")?.parse()?)
    };
    // Linux counts in hundredths of a second for user space on every architecture.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

fn resident_mib() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
