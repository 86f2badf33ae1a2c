//! The figures of the first slice, each measured here and printed beside its target.
//!
//! `make bench` runs it. Every figure is measured several times; the table shows the median and the
//! spread. The machine is shared with whatever else runs on it, so compare ratios, not digits.

mod cluster;
mod figure;
mod idle;
mod pods;

use figure::Figure;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    quorate::maybe_shim();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
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
