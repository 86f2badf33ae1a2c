//! Read indexes, asked for once for everyone who waits.
//!
//! Place: between linearizable reads of this member and the question to the leader. While one
//! question is under way the readers that come gather behind it; the next one answers all of them.
//!
//! Invariants: a reader is answered by a question that was asked after the reader came, never by one
//! that was already under way: otherwise it could miss a write that was acknowledged in between. Every
//! reader is answered by its deadline; deadlines come in the order of the queue, so that one timer for
//! a question is enough.

use quorate_seams::{Clock, Monotonic, SharedClock};
use quorate_store::Error;
use quorate_types::LogIndex;
use std::collections::VecDeque;
use std::pin::pin;
use tokio::sync::{mpsc, oneshot};

/// Most readers that one question answers.
const READERS: usize = 16 * 1024;

struct Reader {
    deadline: Monotonic,
    answer: oneshot::Sender<Result<LogIndex, Error>>,
}

impl Reader {
    fn tell(self, answer: Result<LogIndex, Error>) {
        // A reader that gave up needs no answer.
        let _ = self.answer.send(answer);
    }
}

/// Where readers wait.
#[derive(Clone, Debug)]
pub(crate) struct ReadIndexes {
    queue: mpsc::UnboundedSender<Reader>,
}

impl ReadIndexes {
    /// A queue, and the task that asks `question` for those who wait in it, until the last handle is
    /// gone or the question answers `None`.
    pub(crate) fn new<F>(
        clock: SharedClock,
        mut question: impl FnMut() -> F + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send)
    where
        F: Future<Output = Option<Result<LogIndex, Error>>> + Send,
    {
        // No longer than there are callers, present or given up, whose deadline is still to come.
        let (queue, mut waiting) = mpsc::unbounded_channel::<Reader>();
        let drive = async move {
            let mut readers = Vec::new();
            while waiting.recv_many(&mut readers, READERS).await > 0 {
                if !ask(question(), &*clock, readers.drain(..).collect()).await {
                    break;
                }
            }
        };
        (Self { queue }, drive)
    }

    /// The index that the state must have applied for a linearizable read that begins now; waits for
    /// it until the deadline at most.
    pub(crate) async fn get(&self, deadline: Monotonic) -> Result<LogIndex, Error> {
        let (answer, answered) = oneshot::channel();
        let stopped = || Error::unavailable("the member has stopped");
        self.queue.send(Reader { deadline, answer }).map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// Waits for the answer to a question, as long as one of those who asked it does; whether more may be
/// asked.
async fn ask(
    question: impl Future<Output = Option<Result<LogIndex, Error>>>,
    clock: &dyn Clock,
    mut readers: VecDeque<Reader>,
) -> bool {
    let mut question = pin!(question);
    while let Some(first) = readers.front() {
        tokio::select! {
            biased;
            answer = &mut question => {
                let Some(answer) = answer else { return false };
                readers.into_iter().for_each(|reader| reader.tell(answer.clone()));
                return true;
            }
            () = clock.sleep_until(first.deadline) => {
                let late = readers.pop_front();
                late.into_iter().for_each(|reader| reader.tell(Err(Error::Timeout)));
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::join;
    use quorate_seams::ManualClock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    #[tokio::test]
    async fn a_reader_waits_until_its_deadline_and_not_for_one_behind_it() {
        let clock = ManualClock::new();
        let shared: SharedClock = Arc::clone(&clock) as _;
        let (open, opened) = oneshot::channel::<()>();
        let mut opened = Some(opened);
        let (reads, drive) = ReadIndexes::new(shared, move || {
            let opened = opened.take();
            async move {
                match opened {
                    Some(opened) => opened.await.ok().map(|()| Ok(LogIndex(7))),
                    None => None,
                }
            }
        });
        let (first, second) =
            [1, 2].map(|seconds| reads.get(Monotonic(Duration::from_secs(seconds)))).into();
        futures::pin_mut!(drive, first, second);
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(drive.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!(drive.as_mut().now_or_never().is_none());
        assert_eq!(first.now_or_never(), Some(Err(Error::Timeout)));
        assert!(second.as_mut().now_or_never().is_none());
        open.send(()).unwrap();
        assert!(drive.as_mut().now_or_never().is_none());
        assert_eq!(second.now_or_never(), Some(Ok(LogIndex(7))));
    }

    #[tokio::test]
    async fn readers_that_come_while_a_question_is_under_way_share_the_next_one() {
        let asked = Arc::new(AtomicU64::new(0));
        let gates = Arc::new(Mutex::new(Vec::new()));
        let (count, doors) = (Arc::clone(&asked), Arc::clone(&gates));
        let (reads, drive) = ReadIndexes::new(ManualClock::new(), move || {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let (open, opened) = oneshot::channel::<()>();
            doors.lock().unwrap().push(open);
            opened.map(move |_| Some(Ok(LogIndex(number))))
        });
        let open = |number: usize| gates.lock().unwrap().remove(number).send(()).unwrap();
        let play = async {
            let late = Monotonic(Duration::from_secs(1));
            let first = reads.get(late);
            futures::pin_mut!(first);
            while asked.load(Ordering::Relaxed) == 0 {
                assert!(first.as_mut().now_or_never().is_none());
                tokio::task::yield_now().await;
            }
            let (second, third) = (reads.get(late), reads.get(late));
            futures::pin_mut!(second, third);
            assert!(second.as_mut().now_or_never().is_none());
            assert!(third.as_mut().now_or_never().is_none());
            open(0);
            assert_eq!(first.await, Ok(LogIndex(1)));
            while asked.load(Ordering::Relaxed) < 2 {
                tokio::task::yield_now().await;
            }
            open(0);
            assert_eq!(join(second, third).await, (Ok(LogIndex(2)), Ok(LogIndex(2))));
        };
        // The driver ends with the last handle; here the play ends first.
        futures::future::select(Box::pin(drive), Box::pin(play)).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
