//! The figures of the first slice, each measured here and printed beside its target.
//!
//! `make bench` runs it. Every figure is measured several times; the table shows the median and the
//! spread. The machine is shared with whatever else runs on it, so compare ratios, not digits.

mod cluster;
mod figure;
mod idle;
mod pods;
mod store;

use figure::Figure;
use std::error::Error;

/// As in our server, so that figures taken in this process are comparable.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    quorate::maybe_shim();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "store") {
        return runtime
            .block_on(store::run(&arguments[1..]))
            .map_err(|error| error.to_string().into());
    }
    runtime.block_on(async {
        Figure::heading();
        cluster::single_member_ready().await?.print();
        cluster::three_member_cluster_ready().await?.print();
        for figure in pods::create_to_running().await? {
            figure.print();
        }
        cluster::writes_resume().await?.print();
        for figure in idle::control_plane().await? {
            figure.print();
        }
        Ok(())
    })
}
