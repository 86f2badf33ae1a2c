//! A closed loop in this process: so many clients, each with one request in flight.

use super::Failure;
use super::phase::{Phase, Phases, Seen};
use quorate_seams::{Clock, SharedClock, spawn};
use std::future::Future;
use std::sync::Arc;

/// One client of a load.
pub(crate) trait Client: Send + 'static {
    /// Sends its next request and waits for the answer.
    fn once(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Runs clients through all phases; `mark` is called at both ends of the measured time.
pub(crate) async fn run<C: Client>(
    clients: Vec<C>,
    clock: &SharedClock,
    phases: Phases,
    mark: impl FnMut() -> Result<(), Failure>,
) -> Result<Seen, Failure> {
    let phase = Arc::new(Phase::default());
    let start = |client| {
        let (phase, clock) = (Arc::clone(&phase), Arc::clone(clock));
        spawn(async move { drive(client, &phase, &*clock).await })
    };
    let running: Vec<_> = clients.into_iter().map(start).collect();
    let lasted = phases.pass(clock, &phase, mark).await?;
    let mut reports = Vec::new();
    for task in running {
        reports.push(task.join().await.ok_or("a client panicked")??);
    }
    Ok(Seen::new(reports, lasted))
}

async fn drive<C: Client>(
    mut client: C,
    phase: &Phase,
    clock: &dyn Clock,
) -> Result<Vec<(usize, u32)>, Failure> {
    let mut report = Vec::new();
    while !phase.is_over() {
        let sent = clock.now();
        client.once().await?;
        if phase.is_measured() {
            let micros = (clock.now() - sent).as_micros();
            report.push((0, u32::try_from(micros).unwrap_or(u32::MAX)));
        }
    }
    Ok(report)
}
