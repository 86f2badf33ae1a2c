//! Waiting for a host's clock.

use super::model::Host;
use super::state::Shared;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Due time in the world and a number that tells timers of the same time apart.
pub(super) type TimerKey = (u64, u64);

/// Ends once the host's clock has reached a time.
pub(crate) struct WorldSleep {
    shared: Arc<Shared>,
    host: Host,
    deadline: u64,
    timer: Option<TimerKey>,
}

impl WorldSleep {
    pub(crate) fn new(shared: &Arc<Shared>, host: Host, deadline: Duration) -> Self {
        let deadline = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        Self { shared: Arc::clone(shared), host, deadline, timer: None }
    }
}

impl Future for WorldSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut state = this.shared.lock();
        if state.local_now(this.host) >= this.deadline {
            if let Some(timer) = this.timer.take() {
                state.timers.remove(&timer);
            }
            return Poll::Ready(());
        }
        let registered = this.timer.and_then(|timer| state.timers.get_mut(&timer));
        match registered {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            Some(waker) => *waker = cx.waker().clone(),
            None => this.timer = Some(state.set_timer(this.host, this.deadline, cx.waker())),
        }
        Poll::Pending
    }
}

impl Drop for WorldSleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.shared.lock().timers.remove(&timer);
        }
    }
}
