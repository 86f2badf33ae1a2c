//! A closed loop: so many clients, each with one request in flight, for so long.

use super::Failure;
use quorate_seams::{Clock, SystemClock, TaskSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// One client of a load.
pub(crate) trait Client: Send + 'static {
    /// Sends its next request and waits for the answer.
    fn once(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What a load has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requests answered while it was measured.
    pub(crate) operations: u64,
    /// How long it was measured.
    pub(crate) lasted: Duration,
    /// Microseconds that each request took, sorted.
    pub(crate) latencies: Vec<u32>,
}

impl Seen {
    /// Requests per second.
    #[allow(clippy::cast_precision_loss, reason = "a figure to print")]
    pub(crate) fn rate(&self) -> f64 {
        self.operations as f64 / self.lasted.as_secs_f64()
    }

    /// Microseconds that a share of the requests did not exceed.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a list of samples"
    )]
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).map_or(f64::NAN, |micros| f64::from(*micros))
    }
}

/// Runs clients, first unmeasured for `warm`, then measured for `measured`. `mark` is called at both
/// ends of the measured time.
pub(crate) async fn run<C: Client>(
    clients: Vec<C>,
    warm: Duration,
    measured: Duration,
    mut mark: impl FnMut() -> Result<(), Failure>,
) -> Result<Seen, Failure> {
    let clock = SystemClock::shared();
    let state = Arc::new(State::default());
    let (reports, mut reported) = mpsc::channel(clients.len().max(1));
    let tasks = TaskSet::new();
    for client in clients {
        let (state, reports) = (Arc::clone(&state), reports.clone());
        let clock = Arc::clone(&clock);
        tasks.spawn(async move {
            let report = drive(client, &state, &*clock).await;
            // Fails only when nobody waits any more.
            let _ = reports.send(report).await;
        });
    }
    drop(reports);
    clock.sleep(warm).await;
    mark()?;
    let began = clock.now();
    state.measuring.store(true, Ordering::Relaxed);
    clock.sleep(measured).await;
    state.measuring.store(false, Ordering::Relaxed);
    let lasted = clock.now() - began;
    mark()?;
    state.over.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    while let Some(report) = reported.recv().await {
        latencies.extend(report?);
    }
    latencies.sort_unstable();
    let operations = u64::try_from(latencies.len())?;
    Ok(Seen { operations, lasted, latencies })
}

#[derive(Debug, Default)]
struct State {
    measuring: AtomicBool,
    over: AtomicBool,
}

async fn drive<C: Client>(
    mut client: C,
    state: &State,
    clock: &dyn Clock,
) -> Result<Vec<u32>, Failure> {
    let mut latencies = Vec::new();
    while !state.over.load(Ordering::Relaxed) {
        let sent = clock.now();
        client.once().await?;
        if state.measuring.load(Ordering::Relaxed) {
            let micros = (clock.now() - sent).as_micros();
            latencies.push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
    }
    Ok(latencies)
}
