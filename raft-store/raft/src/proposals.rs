//! Proposals on their way into the log: many to an entry, few entries in flight.
//!
//! Place: between the requests of this member's callers, or of members that forward theirs, and
//! openraft. While one entry is on its way to disk and to the others, whatever is proposed meanwhile
//! gathers into the next one: under load an entry carries hundreds of commands, and what consensus
//! costs is shared between them; a lone proposal waits for nobody.
//!
//! Invariants: commands are applied in the order in which they were queued; every proposal is
//! answered exactly once and by its deadline; what was queued but never handed to openraft may be
//! tried again. Deadlines come in the order of the queue, so that one timer for an entry is enough: an
//! entry leaves its place by the deadline of its last proposal, before that of any behind it.

use crate::requests::{Attempt, stopped, written};
use crate::types::{Proposal, Raft};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use openraft::error::RaftError;
use quorate_mvcc::{Outcome, Reply};
use quorate_seams::{Clock, Monotonic, SharedClock};
use std::collections::VecDeque;
use std::pin::pin;
use tokio::sync::{mpsc, oneshot};

/// Entries that may be in flight at a time: one on its way to disk, one behind it.
const IN_FLIGHT: usize = 2;
/// Most commands in one entry.
const BATCH_COMMANDS: usize = 1024;
/// Bytes of commands after which an entry takes no more.
const BATCH_BYTES: usize = 1024 * 1024;

struct Waiting {
    command: Bytes,
    waiter: Waiter,
}

/// Who wants to know what came of a command, and by when.
struct Waiter {
    deadline: Monotonic,
    answer: oneshot::Sender<Attempt<Outcome>>,
}

impl Waiter {
    fn tell(self, attempt: Attempt<Outcome>) {
        // Whoever asked may have given up; the outcome stands all the same.
        let _ = self.answer.send(attempt);
    }
}

/// Where proposals queue.
#[derive(Clone, Debug)]
pub(crate) struct Proposals {
    queue: mpsc::UnboundedSender<Waiting>,
}

impl Proposals {
    /// A queue, and the task that empties it until the last handle is gone.
    pub(crate) fn new(
        raft: Raft,
        clock: SharedClock,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (queue, waiting) = mpsc::unbounded_channel();
        (Self { queue }, drive(raft, clock, waiting))
    }

    /// Proposes a command and waits for its outcome, until the deadline at most.
    pub(crate) async fn propose(&self, command: Bytes, deadline: Monotonic) -> Attempt<Outcome> {
        let (answer, answered) = oneshot::channel();
        let waiter = Waiter { deadline, answer };
        if self.queue.send(Waiting { command, waiter }).is_err() {
            return Attempt::Refused("consensus has stopped".to_owned());
        }
        let lost = |_| Attempt::Unknown("consensus stopped".to_owned());
        answered.await.unwrap_or_else(lost)
    }
}

async fn drive(raft: Raft, clock: SharedClock, mut queue: mpsc::UnboundedReceiver<Waiting>) {
    let mut flying = FuturesUnordered::new();
    let mut gathered = Vec::new();
    loop {
        tokio::select! {
            biased;
            Some(()) = flying.next(), if !flying.is_empty() => {}
            count = queue.recv_many(&mut gathered, BATCH_COMMANDS), if flying.len() < IN_FLIGHT => {
                if count == 0 {
                    break;
                }
                for entry in entries(&mut gathered) {
                    flying.push(propose(&raft, &*clock, entry));
                }
            }
        }
    }
    while flying.next().await.is_some() {}
}

/// Cuts what has gathered into entries of bounded size; leaves nothing behind.
fn entries(gathered: &mut Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut entries = vec![Vec::with_capacity(gathered.len())];
    let mut bytes = 0;
    for waiting in gathered.drain(..) {
        if bytes >= BATCH_BYTES {
            entries.push(Vec::new());
            bytes = 0;
        }
        bytes += waiting.command.len();
        if let Some(entry) = entries.last_mut() {
            entry.push(waiting);
        }
    }
    entries
}

/// Proposes an entry and answers everyone who waits for it, each by his deadline.
async fn propose(raft: &Raft, clock: &dyn Clock, entry: Vec<Waiting>) {
    let (commands, mut waiters): (Vec<_>, VecDeque<_>) =
        entry.into_iter().map(|waiting| (waiting.command, waiting.waiter)).unzip();
    let proposal = match &commands[..] {
        [only] => Ok(Proposal::of(only)),
        many => quorate_mvcc::encode_batch(&[Proposal::KIND], many).map(Proposal::from_payload),
    };
    drop(commands);
    let proposal = match proposal {
        Ok(proposal) => proposal,
        Err(error) => return share(waiters, &Attempt::Refused(error.to_string())),
    };
    let count = waiters.len();
    let mut written = pin!(write(raft, proposal));
    while let Some(first) = waiters.front() {
        tokio::select! {
            biased;
            attempt = &mut written => {
                // Those who are gone were the first.
                let gone = count - waiters.len();
                return answer(waiters, count, gone, attempt);
            }
            () = clock.sleep_until(first.deadline) => {
                let late = waiters.pop_front();
                let reason = "no outcome in time".to_owned();
                late.into_iter().for_each(|waiter| waiter.tell(Attempt::Unknown(reason.clone())));
            }
        }
    }
}

/// Gives everyone his part of what came of an entry of `count` commands, of which the first ones wait
/// no more.
fn answer(waiters: VecDeque<Waiter>, count: usize, gone: usize, attempt: Attempt<Outcome>) {
    if count == 1 {
        return share(waiters, &attempt);
    }
    match attempt {
        Attempt::Done(Ok(Reply::Batch(outcomes))) if outcomes.len() == count => {
            for (waiter, outcome) in waiters.into_iter().zip(outcomes.into_iter().skip(gone)) {
                waiter.tell(Attempt::Done(outcome));
            }
        }
        Attempt::Done(Ok(_)) => {
            let reason = "the state answered another question".to_owned();
            share(waiters, &Attempt::Unknown(reason));
        }
        shared => share(waiters, &shared),
    }
}

fn share(waiters: VecDeque<Waiter>, attempt: &Attempt<Outcome>) {
    waiters.into_iter().for_each(|waiter| waiter.tell(attempt.clone()));
}

async fn write(raft: &Raft, proposal: Proposal) -> Attempt<Outcome> {
    match raft.client_write(proposal).await {
        Ok(response) => written(Ok(response)),
        Err(RaftError::APIError(error)) => written(Err(error)),
        Err(RaftError::Fatal(fatal)) => stopped(&fatal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_types::Revision;

    fn waiting(bytes: usize) -> Waiting {
        let waiter = Waiter { deadline: Monotonic::default(), answer: oneshot::channel().0 };
        Waiting { command: vec![0; bytes].into(), waiter }
    }

    #[test]
    fn whoever_still_waits_gets_the_outcome_of_his_own_command() {
        let (waiters, mut answers): (VecDeque<_>, Vec<_>) = (0..2)
            .map(|_| {
                let (answer, answered) = oneshot::channel();
                (Waiter { deadline: Monotonic::default(), answer }, answered)
            })
            .unzip();
        let outcome = |revision| Ok(Reply::Compacted { revision: Revision(revision) });
        let outcomes = Reply::Batch((0..5).map(outcome).collect());
        answer(waiters, 5, 3, Attempt::Done(Ok(outcomes)));
        let told: Vec<_> =
            answers.iter_mut().map(|answered| answered.try_recv().unwrap()).collect();
        assert_eq!(told, [3, 4].map(|revision| Attempt::Done(outcome(revision))));
    }

    #[test]
    fn entries_keep_order_and_are_closed_once_they_are_large() {
        let mut gathered: Vec<_> =
            [BATCH_BYTES - 1, 7, 3, BATCH_BYTES, 5].into_iter().map(waiting).collect();
        let sizes: Vec<Vec<usize>> = entries(&mut gathered)
            .iter()
            .map(|entry| entry.iter().map(|waiting| waiting.command.len()).collect())
            .collect();
        assert_eq!(sizes, [vec![BATCH_BYTES - 1, 7], vec![3, BATCH_BYTES], vec![5]]);
        assert!(gathered.is_empty());
    }
}
