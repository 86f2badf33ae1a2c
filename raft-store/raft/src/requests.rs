//! Requests that only the leader can serve, from any member: proposals, read indexes, leases.
//!
//! Invariants: what may have happened is never tried again unless it is harmless; what certainly
//! has not happened is tried again while the deadline allows. Every wait is bounded.

use crate::consensus::{Consensus, Leadership};
use crate::transport::{CallError, Lane, Method, Peer};
use crate::types::{LogId, Proposal, TypeConfig, log_id};
use crate::wire;
use bytes::Bytes;
use futures::future::BoxFuture;
use openraft::ReadPolicy;
use openraft::error::{ClientWriteError, Fatal, RaftError};
use openraft::impls::ProgressResponder;
use openraft::raft::ClientWriteResult;
use quorate_mvcc::Outcome;
use quorate_seams::{Monotonic, bug, timeout};
use quorate_store::{Certainty, Error};
use quorate_types::{LogIndex, MemberId, Term};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How one attempt to serve a request at the leader went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt<T> {
    /// Served; the answer may be a refusal that is final.
    Done(T),
    /// Nothing has happened, and why.
    Refused(String),
    /// It may or may not have happened, and why.
    Unknown(String),
}

impl<T> Attempt<T> {
    /// What follows from being served; everything else stays.
    pub fn map<U>(self, f: impl FnOnce(T) -> Attempt<U>) -> Attempt<U> {
        match self {
            Self::Done(value) => f(value),
            Self::Refused(reason) => Attempt::Refused(reason),
            Self::Unknown(reason) => Attempt::Unknown(reason),
        }
    }
}

/// A request for the leader.
pub(crate) struct Request<'a, T> {
    pub(crate) method: Method,
    pub(crate) body: Bytes,
    /// Trying again is harmless.
    pub(crate) idempotent: bool,
    /// Serves it if this member leads.
    pub(crate) here: &'a (dyn Fn() -> BoxFuture<'a, Attempt<T>> + Sync),
    /// Reads the leader's answer if it does not.
    pub(crate) decode: fn(Bytes) -> Result<T, String>,
}

impl Consensus {
    /// Proposes an encoded command at the leader, wherever it is, and waits until it is applied.
    ///
    /// # Errors
    /// The command's own refusal, or no outcome in time: [`Error::certainty`] says whether the
    /// command may have been applied.
    pub async fn propose(&self, command: Bytes) -> Outcome {
        let deadline = self.deadline();
        if self.inner.leads.load(Ordering::Relaxed) {
            // The short way of what [`Consensus::at_leader`] does.
            match self.inner.proposals.propose(command.clone(), deadline).await {
                Attempt::Done(outcome) => return outcome,
                Attempt::Unknown(_) if bug("raft-repeats-what-may-have-happened") => {}
                Attempt::Unknown(reason) => return Err(self.unknown(reason, deadline)),
                // By then somebody else leads, or nobody.
                Attempt::Refused(_) => {}
            }
        }
        // Apart, so that what most requests need stays small.
        Box::pin(self.propose_anywhere(command, deadline)).await
    }

    async fn propose_anywhere(&self, command: Bytes, deadline: Monotonic) -> Outcome {
        let here = || -> BoxFuture<'_, _> { Box::pin(self.propose_here(command.clone())) };
        let request = Request {
            method: Method::Propose,
            body: command.clone(),
            idempotent: false,
            here: &here,
            decode: |bytes| quorate_mvcc::decode_outcome(bytes).map_err(|error| error.to_string()),
        };
        self.at_leader(request, deadline).await?
    }

    /// Waits until what this member has applied contains every write acknowledged before the call.
    /// Callers that wait at the same time share one question to the leader.
    ///
    /// # Errors
    /// No leader could confirm itself in time.
    pub async fn read_barrier(&self) -> Result<(), Error> {
        let deadline = self.deadline();
        let index = self.inner.reads.get(deadline).await?;
        self.wait_applied(index, deadline).await
    }

    /// Asks the leader, wherever it is, how far a linearizable read that begins now must see.
    pub(crate) async fn read_index(&self) -> Result<LogIndex, Error> {
        let here = || -> BoxFuture<'_, _> { Box::pin(self.read_index_here()) };
        let request = Request {
            method: Method::ReadIndex,
            body: Bytes::new(),
            idempotent: true,
            here: &here,
            decode: |bytes| {
                let index: [u8; 8] =
                    bytes[..].try_into().map_err(|_| "a read index has 8 bytes".to_owned())?;
                Ok(u64::from_le_bytes(index))
            },
        };
        self.at_leader(request, self.deadline()).await.map(LogIndex)
    }

    /// Serves a request of the member's own at the leader: `here` if this member leads, otherwise
    /// the leader's answer to the same method and body. Must be harmless to repeat.
    ///
    /// # Errors
    /// No leader could be reached in time.
    pub async fn ask_leader<'a>(
        &'a self,
        method: Method,
        body: Bytes,
        here: &'a (dyn Fn() -> BoxFuture<'a, Attempt<Bytes>> + Sync),
    ) -> Result<Bytes, Error> {
        let request = Request { method, body, idempotent: true, here, decode: Ok };
        self.at_leader(request, self.deadline()).await
    }

    /// Asks one member for something of its own.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    pub async fn ask_member(
        &self,
        id: MemberId,
        addr: &str,
        method: Method,
        body: Bytes,
    ) -> Result<Bytes, CallError> {
        let peer = Peer { id, addr: addr.to_owned(), lane: Lane::Forward };
        self.inner.transport.call(&peer, method, body, self.inner.options.request_timeout).await
    }

    /// Confirms with a quorum that this member leads, and waits until it has applied everything
    /// that was committed before. `None` if it does not lead.
    pub async fn confirm_leadership(&self) -> Option<Term> {
        let deadline = self.deadline();
        if bug("lease-leader-not-confirmed") {
            return Some(self.leadership().borrow().term);
        }
        let Attempt::Done(read) = self.read_log_id_here().await else { return None };
        self.wait_applied(LogIndex(read.1), deadline).await.ok()?;
        Some(Term(read.0))
    }

    /// Waits until what is in the log up to `known` is applied, and has a quorum confirm that this
    /// member leads.
    pub(crate) async fn settle(&self, known: Option<LogId>) -> Attempt<()> {
        let deadline = self.deadline();
        let index = known.map_or(LogIndex(0), |id| LogIndex(id.index));
        if let Err(error) = self.wait_applied(index, deadline).await {
            return Attempt::Refused(format!("the change of members before is not made: {error}"));
        }
        match self.within(deadline, self.read_log_id_here()).await {
            Some(confirmed) => confirmed.map(|_| Attempt::Done(())),
            None => Attempt::Refused("no majority confirms that this member leads".to_owned()),
        }
    }

    /// Proposes only if this member leads in that very term.
    pub async fn propose_in_term(&self, command: Bytes, term: Term) -> Attempt<Outcome> {
        let (responder, outcome) = ProgressResponder::<TypeConfig, _>::complete_only();
        let leader = *log_id(term.0, 0).committed_leader_id();
        let write = self.inner.raft.write(Proposal::of(&command));
        if let Err(error) = write.responder(responder).with_leader(leader).await {
            return stopped(&error);
        }
        match outcome.await {
            Ok(result) => written(result),
            Err(_) => Attempt::Unknown("consensus stopped".to_owned()),
        }
    }

    pub(crate) async fn propose_here(&self, command: Bytes) -> Attempt<Outcome> {
        self.inner.proposals.propose(command, self.deadline()).await
    }

    pub(crate) async fn read_index_here(&self) -> Attempt<u64> {
        if bug("raft-reads-without-quorum") {
            return Attempt::Done(self.inner.applied.borrow().map_or(0, |index| index.0));
        }
        self.read_log_id_here().await.map(|(_, index)| Attempt::Done(index))
    }

    async fn read_log_id_here(&self) -> Attempt<(u64, u64)> {
        match self.inner.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => {
                let id = *linearizer.read_log_id().log_id();
                Attempt::Done((id.leader_id.term, id.index))
            }
            Err(RaftError::APIError(error)) => Attempt::Refused(error.to_string()),
            Err(RaftError::Fatal(fatal)) => stopped(&fatal),
        }
    }

    async fn wait_applied(&self, index: LogIndex, deadline: Monotonic) -> Result<(), Error> {
        if bug("raft-reads-before-applied") || *self.inner.applied.borrow() >= Some(index) {
            return Ok(());
        }
        Box::pin(self.wait_until_applied(index, deadline)).await
    }

    async fn wait_until_applied(&self, index: LogIndex, deadline: Monotonic) -> Result<(), Error> {
        let mut applied = self.applied();
        let reached = async move { applied.wait_for(|seen| *seen >= Some(index)).await.is_ok() };
        match self.within(deadline, reached).await {
            Some(true) => Ok(()),
            Some(false) => Err(Error::unavailable("the member is stopping")),
            None => Err(Error::Timeout),
        }
    }

    async fn within<F: Future>(&self, deadline: Monotonic, future: F) -> Option<F::Output> {
        let left = deadline - self.inner.clock.now();
        timeout(&*self.inner.clock, left, future).await
    }

    /// Serves a request at the leader, here or there, until it is served or the time is over.
    pub(crate) async fn at_leader<T>(
        &self,
        request: Request<'_, T>,
        deadline: Monotonic,
    ) -> Result<T, Error> {
        let mut known = self.leadership();
        loop {
            let view = known.borrow_and_update().clone();
            if let Some(reason) = view.failed {
                return Err(self.failure(reason));
            }
            let attempt = self.within(deadline, self.attempt(&view, &request, deadline)).await;
            let reason = match attempt {
                Some(Attempt::Done(value)) => return Ok(value),
                Some(Attempt::Refused(reason)) => reason,
                Some(Attempt::Unknown(reason))
                    if request.idempotent || bug("raft-repeats-what-may-have-happened") =>
                {
                    reason
                }
                Some(Attempt::Unknown(reason)) => return Err(self.unknown(reason, deadline)),
                None => return Err(Error::Timeout),
            };
            // Whoever says who leads has ended, and with it everything that could serve.
            let stopped = known.has_changed().is_err();
            if stopped || self.inner.clock.now() >= deadline {
                return Err(Error::unavailable(reason));
            }
            let pause = self.inner.options.timing.heartbeat.min(Duration::from_millis(25));
            // Woken early when the leader changes.
            let woken = timeout(&*self.inner.clock, pause, known.changed()).await;
            if let Some(Err(_)) = woken {
                // Nobody follows leadership any more: consensus has ended, waiting would be spinning.
                return Err(Error::unavailable(reason));
            }
        }
    }

    async fn attempt<T>(
        &self,
        view: &Leadership,
        request: &Request<'_, T>,
        deadline: Monotonic,
    ) -> Attempt<T> {
        match (view.leader, &view.addr) {
            (Some(leader), _) if leader == self.inner.options.id => (request.here)().await,
            (Some(leader), Some(addr)) => self.forward(leader, addr, request, deadline).await,
            _ => Attempt::Refused("there is no leader".to_owned()),
        }
    }

    async fn forward<T>(
        &self,
        leader: MemberId,
        addr: &str,
        request: &Request<'_, T>,
        deadline: Monotonic,
    ) -> Attempt<T> {
        let peer = Peer { id: leader, addr: addr.to_owned(), lane: Lane::Forward };
        let left = deadline - self.inner.clock.now();
        let call =
            self.inner.transport.call(&peer, request.method, request.body.clone(), left).await;
        let reply = match call {
            Ok(reply) => reply,
            Err(error @ CallError::Lost { .. }) if !bug("raft-takes-lost-for-refused") => {
                return Attempt::Unknown(error.to_string());
            }
            Err(error) => return Attempt::Refused(error.to_string()),
        };
        match wire::decode_reply(reply) {
            Ok(attempt) => attempt.map(|body| match (request.decode)(body) {
                Ok(value) => Attempt::Done(value),
                Err(reason) => Attempt::Unknown(reason),
            }),
            Err(error) => Attempt::Unknown(error.to_string()),
        }
    }

    /// The request may have happened.
    fn unknown(&self, reason: String, deadline: Monotonic) -> Error {
        if self.inner.clock.now() >= deadline {
            return Error::Timeout;
        }
        Error::Unavailable { reason, certainty: Certainty::Unknown }
    }

    fn failure(&self, reason: String) -> Error {
        if reason == Fatal::<TypeConfig>::Stopped.to_string() {
            Error::unavailable(format!("member {} has stopped", self.inner.options.id))
        } else {
            Error::Fatal { reason }
        }
    }
}

pub(crate) fn written(result: ClientWriteResult<TypeConfig>) -> Attempt<Outcome> {
    match result {
        Ok(response) => match response.data.0 {
            Some(outcome) => Attempt::Done(outcome),
            None => Attempt::Unknown("the entry was applied without an outcome".to_owned()),
        },
        Err(error @ ClientWriteError::LogEntryDiscarded(_)) => Attempt::Unknown(error.to_string()),
        Err(error) => Attempt::Refused(error.to_string()),
    }
}

pub(crate) fn stopped<T>(fatal: &Fatal<TypeConfig>) -> Attempt<T> {
    Attempt::Unknown(fatal.to_string())
}
