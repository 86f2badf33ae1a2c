//! Read indexes, asked for once for everyone who waits.
//!
//! Place: between linearizable reads of this member and the question to the leader. While one
//! question is under way the readers that come gather behind it; the next one answers all of them.
//!
//! Invariant: a reader is answered by a question that was asked after the reader came, never by one
//! that was already under way: otherwise it could miss a write that was acknowledged in between.

use quorate_store::Error;
use quorate_types::LogIndex;
use tokio::sync::{mpsc, oneshot};

/// Most readers that one question answers.
const READERS: usize = 16 * 1024;

type Answer = oneshot::Sender<Result<LogIndex, Error>>;

/// Where readers wait.
#[derive(Clone, Debug)]
pub(crate) struct ReadIndexes {
    queue: mpsc::UnboundedSender<Answer>,
}

impl ReadIndexes {
    /// A queue, and the task that asks `question` for those who wait in it, until the last handle is
    /// gone or the question answers `None`.
    pub(crate) fn new<F>(
        mut question: impl FnMut() -> F + Send + 'static,
    ) -> (Self, impl Future<Output = ()> + Send)
    where
        F: Future<Output = Option<Result<LogIndex, Error>>> + Send,
    {
        let (queue, mut waiting) = mpsc::unbounded_channel::<Answer>();
        let drive = async move {
            let mut readers = Vec::new();
            while waiting.recv_many(&mut readers, READERS).await > 0 {
                let Some(answer) = question().await else { break };
                for reader in readers.drain(..) {
                    // A reader that gave up needs no answer.
                    let _ = reader.send(answer.clone());
                }
            }
        };
        (Self { queue }, drive)
    }

    /// The index that the state must have applied for a linearizable read that begins now.
    pub(crate) async fn get(&self) -> Result<LogIndex, Error> {
        let (answer, answered) = oneshot::channel();
        let stopped = || Error::unavailable("the member has stopped");
        self.queue.send(answer).map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::join;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    #[tokio::test]
    async fn readers_that_come_while_a_question_is_under_way_share_the_next_one() {
        let asked = Arc::new(AtomicU64::new(0));
        let gates = Arc::new(Mutex::new(Vec::new()));
        let (count, doors) = (Arc::clone(&asked), Arc::clone(&gates));
        let (reads, drive) = ReadIndexes::new(move || {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let (open, opened) = oneshot::channel::<()>();
            doors.lock().unwrap().push(open);
            opened.map(move |_| Some(Ok(LogIndex(number))))
        });
        let open = |number: usize| gates.lock().unwrap().remove(number).send(()).unwrap();
        let play = async {
            let first = reads.get();
            futures::pin_mut!(first);
            while asked.load(Ordering::Relaxed) == 0 {
                assert!(first.as_mut().now_or_never().is_none());
                tokio::task::yield_now().await;
            }
            let (second, third) = (reads.get(), reads.get());
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
