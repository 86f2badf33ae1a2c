//! What a round costs: CPU of servers and client, syncs of the log.

use super::Failure;
use super::phase::{Phases, Seen};
use super::process::cpu_seconds;
use super::server::{Servers, syncs};
use super::wire::{Arrivals, Load, Requests, Shape};
use quorate_seams::SharedClock;
use std::net::SocketAddr;

/// A round of a load over gRPC.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) seen: Seen,
    /// Microseconds of CPU that all servers took for each request.
    pub(crate) server_micros: f64,
    /// The same for the client, this process.
    pub(crate) client_micros: f64,
    /// Requests for each sync of the leader's log, warming included.
    pub(crate) per_sync: f64,
}

/// How a round is driven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drive {
    pub(crate) connections: usize,
    pub(crate) arrivals: Arrivals,
    pub(crate) shape: Shape,
    pub(crate) phases: Phases,
}

impl Drive {
    /// Runs a load against one server of a cluster and measures all of them.
    pub(crate) async fn run<R: Requests>(
        self,
        servers: &Servers,
        server: SocketAddr,
        clock: &SharedClock,
        requests: impl FnMut(usize) -> R,
    ) -> Result<Sample, Failure> {
        let Self { connections, arrivals, shape, phases } = self;
        let load = Load { server, connections, arrivals, shape, phases };
        let pids = servers.pids();
        let own = [std::process::id()];
        let mut marks = Vec::new();
        let mark = || {
            marks.push((cpu_seconds(&pids)?, cpu_seconds(&own)?));
            Ok(())
        };
        let before = syncs(server).await?;
        let seen = load.run(clock, requests, mark).await?;
        let synced = syncs(server).await? - before;
        let whole = phases.warm + phases.measured;
        let all = seen.rate() * whole.as_secs_f64();
        let (first, last) = (marks[0], marks[1]);
        Ok(Sample {
            server_micros: (last.0 - first.0) * 1e6 / seen.operations(),
            client_micros: (last.1 - first.1) * 1e6 / seen.operations(),
            per_sync: all / synced,
            seen,
        })
    }
}
