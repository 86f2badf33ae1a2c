//! One run of one task, from its instances to its end.

use crate::control::{Control, KILL};
use crate::guest::{Common, ComponentGuest, CoreGuest};
use crate::limiter::OverLimit;
use crate::program::Program;
use crate::quota::Metered;
use crate::{failure::said, output::Output};
use futures::future::{BoxFuture, FutureExt};
use quorate_executor::{ExitCause, ExitRecord};
use quorate_seams::SharedClock;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use wasmtime::{Engine, PoolConcurrencyLimitError, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

/// Epochs that a turn of a guest lasts.
const TURN: u64 = 1;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Code(i32),
    /// By force; the signal that it is told as.
    Signal(i32),
    OutOfMemory(u64),
    Trap(String),
    /// There was no room for its instances.
    NeverRan(String),
    /// The engine failed, not the guest.
    Lost,
}

impl End {
    /// As a record.
    pub(crate) fn record(self, started_ms: i64, finished_ms: i64) -> ExitRecord {
        let (code, signal, cause) = match self {
            Self::Code(code) => (Some(code), None, ExitCause::Normal),
            Self::Signal(signal) => (None, Some(signal), ExitCause::Normal),
            Self::OutOfMemory(limit) => {
                (None, Some(KILL), ExitCause::OutOfMemory { limit_bytes: Some(limit) })
            }
            Self::Trap(message) => (None, None, ExitCause::Trap(message)),
            Self::NeverRan(reason) => (None, None, ExitCause::StartFailed(reason)),
            Self::Lost => (None, None, ExitCause::ExecutorLost),
        };
        ExitRecord { code, signal, cause, started_ms, finished_ms }
    }
}

/// Everything that a run needs.
pub(crate) struct Run {
    pub(crate) program: Arc<Program>,
    pub(crate) engine: Engine,
    pub(crate) wasi: WasiCtxBuilder,
    pub(crate) common: Common,
}

impl Run {
    /// The guest as a future: instances, entry point, end.
    pub(crate) fn guest(self) -> BoxFuture<'static, End> {
        let Self { program, engine, wasi, common } = self;
        async move {
            let ended = match &*program {
                Program::Core(pre) => {
                    let guest = CoreGuest::new(wasi, common);
                    let mut store = store(&engine, guest, |guest| &mut guest.common.limiter);
                    core(pre, &mut store).await
                }
                Program::Component(pre) => {
                    let guest = ComponentGuest::new(wasi, common);
                    let mut store = store(&engine, guest, |guest| &mut guest.common.limiter);
                    component(pre, &mut store).await
                }
            };
            ended.map_or_else(|error| end_of(&error), End::Code)
        }
        .boxed()
    }
}

fn store<T: Send + 'static>(
    engine: &Engine,
    guest: T,
    limiter: impl Fn(&mut T) -> &mut crate::limiter::Limiter + Send + Sync + 'static,
) -> Store<T> {
    let mut store = Store::new(engine, guest);
    store.limiter(move |guest| limiter(guest) as &mut dyn ResourceLimiter);
    store.set_epoch_deadline(TURN);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(TURN)));
    store
}

async fn core(
    pre: &wasmtime::InstancePre<CoreGuest>,
    store: &mut Store<CoreGuest>,
) -> wasmtime::Result<i32> {
    let instance = pre.instantiate_async(&mut *store).await?;
    let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
    start.call_async(&mut *store, ()).await?;
    Ok(0)
}

async fn component(
    pre: &wasmtime_wasi::p2::bindings::CommandPre<ComponentGuest>,
    store: &mut Store<ComponentGuest>,
) -> wasmtime::Result<i32> {
    let command = pre.instantiate_async(&mut *store).await?;
    let ended = command.wasi_cli_run().call_run(&mut *store).await?;
    Ok(i32::from(ended.is_err()))
}

fn end_of(error: &wasmtime::Error) -> End {
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return End::Code(*code);
    }
    if let Some(OverLimit(limit)) = error.downcast_ref() {
        return End::OutOfMemory(*limit);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return End::NeverRan(format!("{}; raise WasmOptions::pool", said(error)));
    }
    End::Trap(said(error))
}

/// Runs a guest to its end, or to the end of what its orders leave it; then its log is complete.
pub(crate) async fn attend(
    guest: Metered<End>,
    control: Arc<Control>,
    clock: SharedClock,
    output: Arc<Output>,
) -> End {
    let guest = AssertUnwindSafe(guest).catch_unwind();
    let end = tokio::select! {
        biased;
        signal = control.ended(&*clock) => End::Signal(signal),
        // A panic is the engine's: what the guest would have done is unknown, and it is gone.
        ended = guest => ended.unwrap_or(End::Lost),
    };
    output.finish();
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_one_record() {
        let record = |end: End| {
            let record = end.record(1, 2);
            (record.code, record.signal, record.cause)
        };
        assert_eq!(record(End::Code(137)), (Some(137), None, ExitCause::Normal));
        assert_eq!(record(End::Signal(9)), (None, Some(9), ExitCause::Normal));
        let limit_bytes = Some(5);
        let out_of_memory = ExitCause::OutOfMemory { limit_bytes };
        assert_eq!(record(End::OutOfMemory(5)), (None, Some(9), out_of_memory));
        let trap = ExitCause::Trap("unreachable".into());
        assert_eq!(record(End::Trap("unreachable".into())), (None, None, trap));
        assert_eq!(record(End::Lost), (None, None, ExitCause::ExecutorLost));
    }
}
