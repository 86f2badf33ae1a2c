//! How a running task is stopped: the ladder, as a pure step, and the place where orders wait.

use quorate_executor::Stop;
use quorate_seams::{Clock, Monotonic};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// What signal a forced end is told as.
pub(crate) const TERM: i32 = 15;
pub(crate) const KILL: i32 = 9;

/// What was asked for so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// Stop by then.
    Leave(Monotonic),
    Die,
}

impl Order {
    /// The order after another stop: nothing takes back or puts off what was asked for.
    fn and(self, how: Stop, now: Monotonic) -> Self {
        match (self, how) {
            (Self::Die, _) | (_, Stop::Kill) => Self::Die,
            (Self::Run, Stop::Graceful { grace }) => Self::Leave(now + grace),
            (Self::Leave(end), Stop::Graceful { grace }) => Self::Leave(end.min(now + grace)),
        }
    }
}

/// What an order means now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The task goes on until there is another order.
    Wait,
    /// The task goes on until then, or another order.
    Until(Monotonic),
    /// The task is ended; this is the signal that it is told as.
    End(i32),
}

fn step(order: Order, minds: bool, now: Monotonic) -> Step {
    match order {
        Order::Run => Step::Wait,
        Order::Die => Step::End(KILL),
        Order::Leave(_) if !minds => Step::End(TERM),
        Order::Leave(end) if end <= now => Step::End(KILL),
        Order::Leave(end) => Step::Until(end),
    }
}

/// The orders to one task, and whether it minds them.
#[derive(Debug)]
pub(crate) struct Control {
    orders: watch::Sender<Order>,
    minds: AtomicBool,
}

impl Control {
    pub(crate) fn new() -> Self {
        Self { orders: watch::Sender::new(Order::Run), minds: AtomicBool::new(false) }
    }

    /// Asks for a stop.
    pub(crate) fn stop(&self, how: Stop, now: Monotonic) {
        self.orders.send_modify(|order| *order = order.and(how, now));
    }

    /// The guest asks whether it shall leave, and so minds from now on.
    pub(crate) fn asked(&self) -> bool {
        self.minds.store(true, Ordering::SeqCst);
        *self.orders.borrow() != Order::Run
    }

    /// Resolves with a signal once the task has to be ended.
    pub(crate) async fn ended(&self, clock: &dyn Clock) -> i32 {
        let mut orders = self.orders.subscribe();
        loop {
            let order = *orders.borrow_and_update();
            match step(order, self.minds.load(Ordering::SeqCst), clock.now()) {
                Step::End(signal) => return signal,
                Step::Wait => {
                    // Fails only without a sender, which lives as long as this value.
                    let _ = orders.changed().await;
                }
                Step::Until(end) => {
                    tokio::select! {
                        _ = orders.changed() => {}
                        () = clock.sleep_until(end) => {}
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(secs: u64) -> Monotonic {
        Monotonic(Duration::from_secs(secs))
    }

    fn graceful(secs: u64) -> Stop {
        Stop::Graceful { grace: Duration::from_secs(secs) }
    }

    #[test]
    fn a_later_stop_only_hastens() {
        let order = Order::Run.and(graceful(10), at(0));
        assert_eq!(order, Order::Leave(at(10)));
        assert_eq!(order.and(graceful(60), at(1)), Order::Leave(at(10)));
        assert_eq!(order.and(graceful(2), at(1)), Order::Leave(at(3)));
        assert_eq!(order.and(Stop::Kill, at(1)), Order::Die);
        assert_eq!(Order::Die.and(graceful(2), at(1)), Order::Die);
    }

    #[test]
    fn who_minds_has_its_grace_and_who_does_not_ends_at_once() {
        assert_eq!(step(Order::Run, true, at(0)), Step::Wait);
        assert_eq!(step(Order::Leave(at(5)), true, at(0)), Step::Until(at(5)));
        assert_eq!(step(Order::Leave(at(5)), true, at(5)), Step::End(KILL));
        assert_eq!(step(Order::Leave(at(5)), false, at(0)), Step::End(TERM));
        assert_eq!(step(Order::Die, true, at(0)), Step::End(KILL));
    }
}
