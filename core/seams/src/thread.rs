//! A thread of its own for work that blocks, written as a future.
//!
//! Invariant: the future blocks in calls to the disk and awaits only what other threads tell it; in
//! a world it is a task, and each time it is told something it takes the host's time for blocking
//! work before it goes on.

use crate::task::{Detached, blocking_takes_time, spawn_detached};
use crate::world;
use futures::future::BoxFuture;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

/// A running thread.
pub struct Thread(Runs);

enum Runs {
    Machine { id: thread::ThreadId, handle: Mutex<Option<thread::JoinHandle<()>>> },
    World { slot: Work, _task: Detached<()> },
}

/// What a world's thread still has to do; `None` once it has ended.
type Work = Arc<Mutex<Option<BoxFuture<'static, ()>>>>;

impl Thread {
    /// Starts a thread.
    ///
    /// # Errors
    /// The operating system gives none.
    pub fn start(
        name: &str,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        if world::is_inside() {
            return Ok(Self(in_world(Box::pin(future))));
        }
        let handle =
            thread::Builder::new().name(name.to_owned()).spawn(move || block_on(future))?;
        let id = handle.thread().id();
        Ok(Self(Runs::Machine { id, handle: Mutex::new(Some(handle)) }))
    }

    /// Waits until the future has ended, which must then need nothing more from anyone. From within
    /// the thread it does not wait.
    pub fn join(&self) {
        match &self.0 {
            Runs::Machine { id, handle } => {
                let mut handle = handle.lock().unwrap_or_else(PoisonError::into_inner);
                if *id != thread::current().id()
                    && let Some(handle) = handle.take()
                {
                    // Whatever ended it, it no longer runs.
                    let _ = handle.join();
                }
            }
            Runs::World { slot, .. } => {
                // Locked: it is the thread itself that asks.
                if let Ok(mut slot) = slot.try_lock() {
                    // What it still waits for never comes: the owner is gone.
                    let _ = poll_work(&mut slot, &mut Context::from_waker(Waker::noop()));
                }
            }
        }
    }
}

fn poll_work(slot: &mut Option<BoxFuture<'static, ()>>, cx: &mut Context<'_>) -> Poll<()> {
    let polled = slot.as_mut().map_or(Poll::Ready(()), |work| work.as_mut().poll(cx));
    if polled.is_ready() {
        *slot = None;
    }
    polled
}

fn in_world(work: BoxFuture<'static, ()>) -> Runs {
    let slot: Work = Arc::new(Mutex::new(Some(work)));
    let work = Arc::clone(&slot);
    let task = spawn_detached(async move {
        loop {
            blocking_takes_time().await;
            let mut told = false;
            let step = poll_fn(|cx| {
                // Polled once, then again only after it has been told something.
                if told {
                    return Poll::Ready(Poll::Pending);
                }
                let polled =
                    poll_work(&mut work.lock().unwrap_or_else(PoisonError::into_inner), cx);
                told = polled.is_pending();
                if told { Poll::Pending } else { Poll::Ready(polled) }
            });
            if step.await.is_ready() {
                return;
            }
        }
    });
    Runs::World { slot, _task: task }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    while future.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thread")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Host, World};
    use std::sync::mpsc;
    use std::time::Duration;

    async fn echo(asked: tokio::sync::oneshot::Receiver<u32>, answer: mpsc::Sender<u32>) {
        if let Ok(number) = asked.await {
            answer.send(number + 1).unwrap();
        }
    }

    #[test]
    fn a_machines_thread_waits_for_what_it_is_told_and_can_be_joined() {
        let (ask, asked) = tokio::sync::oneshot::channel();
        let (answer, answers) = mpsc::channel();
        let thread = Thread::start("echo", echo(asked, answer)).unwrap();
        ask.send(6).unwrap();
        thread.join();
        assert_eq!(answers.try_recv(), Ok(7));
    }

    #[test]
    fn in_a_world_it_takes_time_and_joining_finishes_it_at_once() {
        let world = World::new(1);
        let clock = world.clock(Host::HARNESS);
        let ran = world.block_on(async {
            let (ask, asked) = tokio::sync::oneshot::channel();
            let (answer, answers) = mpsc::channel();
            let _thread = Thread::start("echo", echo(asked, answer)).unwrap();
            clock.sleep(Duration::from_secs(1)).await;
            ask.send(6).unwrap();
            assert!(answers.try_recv().is_err());
            clock.sleep(Duration::from_secs(1)).await;
            assert_eq!(answers.try_recv(), Ok(7));
            let (ask, asked) = tokio::sync::oneshot::channel();
            let (answer, answers) = mpsc::channel();
            let thread = Thread::start("echo", echo(asked, answer)).unwrap();
            ask.send(1).unwrap();
            thread.join();
            assert_eq!(answers.try_recv(), Ok(2));
        });
        assert_eq!(ran, Ok(()));
    }
}
