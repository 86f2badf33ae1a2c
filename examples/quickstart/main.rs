//! The main job, end to end, in one process: three members of a replicated store, three nodes, a
//! Deployment behind a Service, and every failure that a cluster exists for.
//!
//! Run it with `make demo`. It prints one line per step with the time that was measured, ends with
//! `demo: ok` only if every step was observed, and otherwise says which step failed and where the
//! logs are. `make demo KEEP=1` leaves the cluster running and says how to look at it.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

mod leftovers;
mod report;
mod steps;
mod traffic;
mod workspace;
mod writes;

use report::{Failure, Report};
use std::process::ExitCode;
use steps::Demo;
use workspace::Workspace;

fn main() -> ExitCode {
    // A pod's processes are held by a copy of this program: it must take over before anything runs.
    quorate::maybe_shim();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(Failure::from(format!("no async runtime: {error}"))),
    };
    match outcome {
        Ok(()) => {
            println!("demo: ok");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("demo: FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let workspace = Workspace::create()?;
    let mut report = Report::new(12, workspace.log_path());
    let keep = std::env::var("KEEP").is_ok_and(|value| value == "1");
    let outcome = play(&mut report, &workspace, keep).await;
    match outcome {
        Ok(()) if !keep => workspace.remove(),
        Ok(()) => Ok(()),
        Err(failure) => {
            Err(Failure::from(format!("{failure} (logs: {})", workspace.root().display())))
        }
    }
}

async fn play(report: &mut Report, workspace: &Workspace, keep: bool) -> Result<(), Failure> {
    let mut demo: Demo = report.step("form the cluster", Demo::form(workspace)).await?;
    report.step("apply the manifests", demo.apply()).await?;
    report.step("run the pods", demo.pods_run()).await?;
    report.step("reach all of them through the Service", demo.all_answer()).await?;
    report.step("kill one workload process", demo.kill_process()).await?;
    report.step("kill the leader", demo.kill_leader()).await?;
    report.step("bring the member back", demo.restart_member()).await?;
    report.step("stop one node dead", demo.kill_node()).await?;
    report.step("bring the node back", demo.restart_node()).await?;
    report.step("scale 6, 10, 4", demo.scale()).await?;
    report.step("roll out version 2.0", demo.roll_out()).await?;
    if keep {
        return stay(report, demo).await;
    }
    report.step("delete the namespace", demo.delete_namespace()).await?;
    demo.shut_down().await
}

async fn stay(report: &Report, demo: Demo) -> Result<(), Failure> {
    report.note(&format!("the Service answers at http://{}/", demo.service_address()?));
    report.note(&format!("data, logs and workloads' output lie in {}", demo.root().display()));
    report.note("press Ctrl-C to stop the cluster");
    tokio::signal::ctrl_c().await.map_err(|error| Failure::from(error.to_string()))?;
    demo.shut_down().await
}
