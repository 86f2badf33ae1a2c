//! What the command line says.

use super::Failure;
use super::phase::Phases;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str =
    "quorate-bench store SCENARIO… [--quick] [--rounds N] [--seconds N] \
[--connections N] [--dir DIR] [--ours-only] [--grpc-only]
scenarios: put range mixed watch lease restart large-list all";

const SCENARIOS: [&str; 7] = ["put", "range", "mixed", "watch", "lease", "restart", "large-list"];

/// What is run, and how much of it.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) scenarios: Vec<String>,
    /// Fewer and shorter rounds, less data.
    pub(crate) quick: bool,
    /// How often each side has its turn.
    pub(crate) rounds: usize,
    pub(crate) phases: Phases,
    /// Connections that the clients of a load share.
    pub(crate) connections: usize,
    /// The directory for all data, of every side.
    pub(crate) dir: PathBuf,
    /// Leaves etcd out.
    pub(crate) ours_only: bool,
    /// Leaves out what runs in this process.
    pub(crate) grpc_only: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let quick = arguments.iter().any(|argument| argument == "--quick");
        let seconds = if quick { 2 } else { 5 };
        let mut options = Self {
            scenarios: Vec::new(),
            quick,
            rounds: if quick { 3 } else { 5 },
            phases: phases(seconds),
            connections: 100,
            dir: std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from),
            ours_only: false,
            grpc_only: false,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--quick" => {}
                "--rounds" => options.rounds = value()?.parse()?,
                "--seconds" => options.phases = phases(value()?.parse()?),
                "--connections" => options.connections = value()?.parse()?,
                "--dir" => options.dir = value()?.into(),
                "--ours-only" => options.ours_only = true,
                "--grpc-only" => options.grpc_only = true,
                "all" => options.scenarios.extend(SCENARIOS.map(str::to_owned)),
                name if SCENARIOS.contains(&name) => options.scenarios.push(name.to_owned()),
                other => return Err(format!("{other:?} is not known\n{USAGE}").into()),
            }
        }
        if options.scenarios.is_empty() {
            return Err(USAGE.into());
        }
        Ok(options)
    }
}

fn phases(seconds: u64) -> Phases {
    Phases { warm: Duration::from_secs(1), measured: Duration::from_secs(seconds) }
}
