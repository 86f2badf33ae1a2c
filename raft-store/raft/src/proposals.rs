//! Proposals on their way into the log: many to an entry, few entries in flight.
//!
//! Place: between the requests of this member's callers, or of members that forward theirs, and
//! openraft. While one entry is on its way to disk and to the others, whatever is proposed meanwhile
//! gathers into the next one: under load an entry carries hundreds of commands, and what consensus
//! costs is shared between them; a lone proposal waits for nobody.
//!
//! Invariants: commands are applied in the order in which they were queued; every proposal is
//! answered exactly once; what was queued but never handed to openraft may be tried again.

use crate::requests::{Attempt, stopped, written};
use crate::types::{Proposal, Raft};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use openraft::error::RaftError;
use quorate_mvcc::{Outcome, Reply};
use tokio::sync::{mpsc, oneshot};

/// Entries that may be in flight at a time: one on its way to disk, one behind it.
const IN_FLIGHT: usize = 2;
/// Most commands in one entry.
const BATCH_COMMANDS: usize = 1024;
/// Bytes of commands after which an entry takes no more.
const BATCH_BYTES: usize = 1024 * 1024;

struct Waiting {
    command: Bytes,
    answer: oneshot::Sender<Attempt<Outcome>>,
}

/// Where proposals queue.
#[derive(Clone, Debug)]
pub(crate) struct Proposals {
    queue: mpsc::UnboundedSender<Waiting>,
}

impl Proposals {
    /// A queue, and the task that empties it until the last handle is gone.
    pub(crate) fn new(raft: Raft) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (queue, waiting) = mpsc::unbounded_channel();
        (Self { queue }, drive(raft, waiting))
    }

    /// Proposes a command and waits for its outcome.
    pub(crate) async fn propose(&self, command: Bytes) -> Attempt<Outcome> {
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Waiting { command, answer }).is_err() {
            return Attempt::Refused("consensus has stopped".to_owned());
        }
        let lost = |_| Attempt::Unknown("consensus stopped".to_owned());
        answered.await.unwrap_or_else(lost)
    }
}

async fn drive(raft: Raft, mut queue: mpsc::UnboundedReceiver<Waiting>) {
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
                    flying.push(propose(raft.clone(), entry));
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

async fn propose(raft: Raft, entry: Vec<Waiting>) {
    let (commands, mut answers): (Vec<_>, Vec<_>) =
        entry.into_iter().map(|waiting| (waiting.command, waiting.answer)).unzip();
    let alone = answers.len() == 1;
    let command = match &commands[..] {
        [only] => Ok(only.clone()),
        many => quorate_mvcc::encode_batch(many),
    };
    let attempt = match command {
        Ok(command) => write(&raft, command).await,
        Err(error) => Attempt::Refused(error.to_string()),
    };
    if alone {
        answers.into_iter().for_each(|answer| tell(answer, attempt.clone()));
        return;
    }
    match attempt {
        Attempt::Done(Ok(Reply::Batch(outcomes))) if outcomes.len() == answers.len() => {
            for (answer, outcome) in answers.drain(..).zip(outcomes) {
                tell(answer, Attempt::Done(outcome));
            }
        }
        Attempt::Done(Ok(_)) => {
            let reason = "the state answered another question".to_owned();
            answers.into_iter().for_each(|answer| tell(answer, Attempt::Unknown(reason.clone())));
        }
        shared => answers.into_iter().for_each(|answer| tell(answer, shared.clone())),
    }
}

fn tell(answer: oneshot::Sender<Attempt<Outcome>>, attempt: Attempt<Outcome>) {
    // Whoever asked may have given up; the outcome stands all the same.
    let _ = answer.send(attempt);
}

async fn write(raft: &Raft, command: Bytes) -> Attempt<Outcome> {
    match raft.client_write(Proposal(command)).await {
        Ok(response) => written(Ok(response)),
        Err(RaftError::APIError(error)) => written(Err(error)),
        Err(RaftError::Fatal(fatal)) => stopped(&fatal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(bytes: usize) -> Waiting {
        Waiting { command: vec![0; bytes].into(), answer: oneshot::channel().0 }
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
