//! `quorate-bench store`: the store's promises, beside a real etcd on the same disk, in turn.

mod bench;
mod in_process;
mod large_list;
mod lease;
mod load;
mod mixed;
mod options;
mod phase;
mod process;
mod put;
mod range;
mod restart;
mod sample;
mod server;
mod table;
mod watch;
mod wire;

use bench::Bench;
use options::Options;
use quorate_seams::SystemClock;
use table::Table;

/// Whatever ends a bench.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) async fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    let programs = server::programs(&options)?;
    let scenarios = options.scenarios.clone();
    let clock = SystemClock::shared();
    let mut bench = Bench { options, programs, clock, table: Table::default() };
    for scenario in scenarios {
        let done = match scenario.as_str() {
            "put" => put::run(&mut bench).await,
            "range" => range::run(&mut bench).await,
            "mixed" => mixed::run(&mut bench).await,
            "watch" => watch::run(&mut bench).await,
            "lease" => lease::run(&mut bench).await,
            "restart" => restart::run(&mut bench).await,
            _ => large_list::run(&mut bench).await,
        };
        if let Err(error) = done {
            bench.table.print();
            return Err(format!("{scenario}: {error}").into());
        }
    }
    bench.table.print();
    Ok(())
}
