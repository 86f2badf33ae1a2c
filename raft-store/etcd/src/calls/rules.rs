//! What holds for every call: the client's version is text, who wants a leader needs one, and a
//! learner serves next to nothing.

use super::deadline;
use super::ledger::Ledger;
use crate::descriptors::Kind;
use crate::errors::{INVALID_CLIENT_VERSION, NO_LEADER, NOT_FOR_LEARNERS};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use quorate_member::{Member, Role};
use quorate_seams::{Monotonic, SharedClock};
use quorate_store::{Status as Standing, Store};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};

const CLIENT_VERSION: &str = "client-api-version";
const HAS_LEADER: &str = "hasleader";
/// Elections without a leader after which streams that want one are ended (etcd's rule).
const ENDED_AFTER: u32 = 3;
/// Elections without an answer of a leader after which a member is taken to have none: one may only be
/// busy.
const MISSED_AFTER: u32 = 2;
/// How long a member's role is taken for granted.
const ROLE_FOR: Duration = Duration::from_millis(100);
/// What a learner serves. It serves serializable ranges, too: the KV service decides.
const FOR_LEARNERS: [&str; 6] =
    ["Range", "Status", "Snapshot", "Check", "Watch", "ServerReflectionInfo"];

/// The rules of one member.
#[derive(Debug)]
pub(crate) struct Rules {
    member: Member,
    clock: SharedClock,
    status: watch::Receiver<Standing>,
    election: Duration,
    /// Elections, one after the other, in which no leader has answered this member. A member that is
    /// cut off goes on to believe in the leader that it last heard.
    missed: watch::Sender<u32>,
    learner: Mutex<Option<(Monotonic, bool)>>,
}

impl Rules {
    pub(crate) fn new(member: &Member, clock: SharedClock, election: Duration) -> Self {
        let status = member.status_watch();
        let missed = watch::Sender::new(0);
        let learner = Mutex::new(None);
        Self { member: member.clone(), clock, status, election, missed, learner }
    }

    /// Asks the leader once in each election whether it is there, while it is polled.
    pub(crate) async fn watch_leader(self: Arc<Self>) {
        loop {
            self.clock.sleep(self.election).await;
            let answered = self.member.wait_ready(self.election).await.is_ok();
            self.missed.send_if_modified(|missed| {
                let before = *missed;
                *missed = if answered { 0 } else { missed.saturating_add(1) };
                *missed != before
            });
        }
    }

    /// Whether there is a leader that answers, as far as this member knows.
    pub(crate) fn has_leader(&self) -> bool {
        self.status.borrow().leader.is_some() && *self.missed.borrow() < MISSED_AFTER
    }

    /// An item whenever [`Rules::has_leader`] may have changed.
    pub(crate) fn changes(&self) -> BoxStream<'static, ()> {
        let leaders = WatchStream::from_changes(self.status.clone()).map(|_| ());
        let missed = WatchStream::from_changes(self.missed.subscribe()).map(|_| ());
        stream::select(leaders, missed).boxed()
    }

    /// Whether this member has no vote, or had none a moment ago.
    pub(crate) fn is_learner(&self) -> bool {
        let mut known = self.learner.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        match *known {
            Some((until, learner)) if now < until => learner,
            _ => {
                let own = self.member.id();
                let is = |member: &quorate_member::ClusterMember| {
                    member.id == own && member.role == Role::Learner
                };
                let learner = self.member.members().iter().any(is);
                *known = Some((now + ROLE_FOR, learner));
                learner
            }
        }
    }

    /// Resolves when the time that a caller gives its call is over; `None` if it gives none.
    pub(super) fn deadline(&self, headers: &HeaderMap) -> Option<BoxFuture<'static, ()>> {
        deadline::limit(headers).map(|limit| self.clock.sleep(limit))
    }

    /// Refuses a call, or says what may end it.
    pub(super) fn admit(
        &self,
        ledger: &Ledger,
        method: usize,
        headers: &HeaderMap,
    ) -> Result<Option<Leash>, Status> {
        let counts = ledger.method(method);
        if self.is_learner() && !is_for_learners(&counts.service, &counts.method) {
            return Err(Status::failed_precondition(NOT_FOR_LEARNERS));
        }
        let streams = counts.kind != Kind::Unary;
        let version = match headers.get(CLIENT_VERSION) {
            None => "unknown",
            Some(version) => std::str::from_utf8(version.as_bytes())
                .map_err(|_| Status::invalid_argument(INVALID_CLIENT_VERSION))?,
        };
        ledger.client(streams, version);
        if headers.get(HAS_LEADER).is_none_or(|value| value != "true") {
            return Ok(None);
        }
        if !self.has_leader() {
            return Err(Status::unavailable(NO_LEADER));
        }
        Ok(streams.then(|| self.leash()))
    }

    fn leash(&self) -> Leash {
        Leash(leaderless(self.missed.subscribe()).boxed())
    }
}

fn is_for_learners(service: &str, method: &str) -> bool {
    let watches_keys = service == "etcdserverpb.Watch";
    FOR_LEARNERS.contains(&method) && !watches_keys
}

/// Resolves once no leader has answered for long enough; never if nobody asks any more.
async fn leaderless(mut missed: watch::Receiver<u32>) {
    if missed.wait_for(|missed| *missed >= ENDED_AFTER).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What ends a stream whose caller wants a leader.
pub(crate) struct Leash(BoxFuture<'static, ()>);

impl Leash {
    /// Ready when the stream is to end, with what its caller is told.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        self.0.poll_unpin(cx).map(|()| Status::unavailable(NO_LEADER))
    }
}

impl fmt::Debug for Leash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leash").finish()
    }
}

/// A code's number.
pub(super) fn number(code: Code) -> usize {
    usize::try_from(i32::from(code)).unwrap_or_default()
}

/// Says in grpc-go's words what the framework says in its own: that a message is too large.
pub(super) fn translate(headers: &mut HeaderMap) {
    let Some(failed) = Status::from_header_map(headers) else { return };
    let Some(sizes) = too_large(failed.code(), failed.message()) else { return };
    let told =
        Status::resource_exhausted(format!("grpc: received message larger than max {sizes}"));
    if let Err(error) = told.add_header(headers) {
        tracing::debug!(%error, "a failure is told in other words");
    }
}

/// The sizes in the framework's words, as grpc-go tells them.
fn too_large(code: Code, message: &str) -> Option<String> {
    let rest = message.strip_prefix("Error, decoded message length too large: found ")?;
    let (found, rest) = rest.split_once(" bytes, the limit is: ")?;
    let limit = rest.strip_suffix(" bytes")?;
    (code == Code::OutOfRange).then(|| format!("({found} vs. {limit})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_a_message_is_told_in_the_words_that_clients_know() {
        let mut headers = HeaderMap::new();
        let words = "Error, decoded message length too large: found 9 bytes, the limit is: 7 bytes";
        Status::out_of_range(words).add_header(&mut headers).unwrap();
        translate(&mut headers);
        let told = Status::from_header_map(&headers).unwrap();
        assert_eq!(told.code(), Code::ResourceExhausted);
        assert_eq!(told.message(), "grpc: received message larger than max (9 vs. 7)");
        let mut other = HeaderMap::new();
        Status::out_of_range("etcdserver: too large lease TTL").add_header(&mut other).unwrap();
        let before = other.clone();
        translate(&mut other);
        assert_eq!(other, before);
    }

    #[test]
    fn learners_watch_no_keys() {
        assert!(is_for_learners("grpc.health.v1.Health", "Watch"));
        assert!(is_for_learners("etcdserverpb.Maintenance", "Status"));
        assert!(!is_for_learners("etcdserverpb.Watch", "Watch"));
        assert!(!is_for_learners("etcdserverpb.KV", "Put"));
    }
}
