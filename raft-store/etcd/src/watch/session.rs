//! One stream of the Watch service: its watches, and what it has to say next.

use super::answer::Answer;
use super::progress::Question;
use crate::auth::Credentials;
use crate::context::Context;
use crate::convert::key_range;
use crate::errors::status;
use crate::proto::etcdserverpb as pb;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{AbortHandle, Abortable, BoxStream, FusedStream, SelectAll};
use futures::{FutureExt, StreamExt};
use pb::watch_create_request::FilterType;
use pb::watch_request::RequestUnion;
use quorate_member::Authorized;
use quorate_store::{
    AuthError, Error, EventKind, KeyRange, ProgressBell, Store, WatchBatch, WatchRequest,
};
use quorate_types::Revision;
use quorate_types::limits::MAX_REQUEST_BYTES;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use tonic::{Status, Streaming};

/// The id of no watch: of refused creations, and of answers for the whole stream.
const NO_WATCH: i64 = -1;

type Delivery = (i64, Result<WatchBatch, Error>);

pub(crate) struct Session {
    context: Context,
    /// Looked at anew for each watch that is created.
    credentials: Credentials,
    requests: futures::stream::Fuse<Streaming<pb::WatchRequest>>,
    deliveries: SelectAll<BoxStream<'static, Delivery>>,
    watches: BTreeMap<i64, Open>,
    next_id: i64,
    /// Said before anything else is pulled.
    outbox: VecDeque<Answer>,
    question: Option<Question>,
    interval: BoxFuture<'static, ()>,
    /// The client has asked for everything it will, and goes on listening (etcd's rule).
    asked_all: bool,
    over: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.context.counts.watch_streams.remove();
    }
}

/// A watch of the stream.
struct Open {
    context: Context,
    bell: ProgressBell,
    end: AbortHandle,
    /// The client wants to be told from time to time that nothing happened.
    notify: bool,
    /// It has been told something in this interval.
    told: bool,
    /// It is being asked because the interval is over.
    due: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.end.abort();
        self.context.counts.watchers.remove();
    }
}

/// What happens next on a stream.
enum Next {
    Request(Option<Result<pb::WatchRequest, Status>>),
    Delivery(Delivery),
    Interval,
}

impl Session {
    pub(crate) fn new(
        context: Context,
        credentials: Credentials,
        requests: Streaming<pb::WatchRequest>,
    ) -> Self {
        let interval = context.clock.sleep(context.options.progress_interval);
        context.counts.watch_streams.add();
        Self {
            context,
            credentials,
            requests: requests.fuse(),
            deliveries: SelectAll::new(),
            watches: BTreeMap::new(),
            next_id: 0,
            outbox: VecDeque::new(),
            question: None,
            interval,
            asked_all: false,
            over: false,
        }
    }

    /// Everything that the stream says, until the client is gone.
    pub(crate) fn answers(self) -> BoxStream<'static, Result<Answer, Status>> {
        futures::stream::unfold(self, async |mut session| {
            let answer = session.answer().await?;
            Some((answer, session))
        })
        .boxed()
    }

    async fn answer(&mut self) -> Option<Result<Answer, Status>> {
        loop {
            if let Some(answer) = self.outbox.pop_front() {
                return Some(Ok(answer));
            }
            if self.over {
                return None;
            }
            let done = match self.next().await {
                Next::Request(Some(Ok(request))) => self.request(request).await,
                Next::Request(Some(Err(status))) => Err(status),
                Next::Request(None) => {
                    self.asked_all = true;
                    Ok(())
                }
                Next::Delivery((id, delivery)) => {
                    self.deliver(id, delivery).and_then(|()| self.deliver_more())
                }
                Next::Interval => {
                    self.tick();
                    Ok(())
                }
            };
            if let Err(status) = done {
                self.over = true;
                return Some(Err(status));
            }
        }
    }

    async fn next(&mut self) -> Next {
        let deliveries = &mut self.deliveries;
        tokio::select! {
            biased;
            request = self.requests.next(), if !self.asked_all => Next::Request(request),
            Some(delivery) = deliveries.next(), if !deliveries.is_terminated() => {
                Next::Delivery(delivery)
            }
            () = &mut self.interval => Next::Interval,
        }
    }

    async fn request(&mut self, request: pb::WatchRequest) -> Result<(), Status> {
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.create(create).await,
            Some(RequestUnion::CancelRequest(cancel)) => {
                self.cancel(cancel.watch_id);
                Ok(())
            }
            Some(RequestUnion::ProgressRequest(_)) => {
                self.ask();
                Ok(())
            }
            // What is not known is passed over (etcd's rule).
            None => Ok(()),
        }
    }

    async fn create(&mut self, create: pb::WatchCreateRequest) -> Result<(), Status> {
        let now = self.context.member.status().revision;
        let range = watched(create.key, create.range_end);
        let store = match self.reader(&range).await {
            Ok(store) => store,
            Err(Error::Auth(refusal)) => {
                self.refuse(now, reason(refusal));
                return Ok(());
            }
            Err(error) => return Err(status(error)),
        };
        let id = match self.choose(create.watch_id, &range, create.start_revision) {
            Ok(id) => id,
            Err(reason) => {
                self.refuse(now, reason);
                return Ok(());
            }
        };
        let from = match create.start_revision {
            0 => now.next(),
            revision => Revision(revision),
        };
        let bell = ProgressBell::new();
        let mut request = WatchRequest::new(range).from(from).with_bell(&bell);
        request.prev_kv = create.prev_kv;
        request.without = create.filters.into_iter().filter_map(left_out).collect();
        request.fragment = if create.fragment { MAX_REQUEST_BYTES } else { 0 };
        let batches = match store.watch(request).await {
            Ok(batches) => batches,
            Err(Error::Auth(refusal)) => {
                self.refuse(now, reason(refusal));
                return Ok(());
            }
            Err(error) => return Err(status(error)),
        };
        let (end, ended) = AbortHandle::new_pair();
        let deliveries = Abortable::new(batches, ended).map(move |batch| (id, batch));
        self.deliveries.push(deliveries.boxed());
        let notify = create.progress_notify;
        let context = self.context.clone();
        context.counts.watchers.add();
        self.watches.insert(id, Open { context, bell, end, notify, told: false, due: false });
        self.say(now, pb::WatchResponse { watch_id: id, created: true, ..Default::default() });
        Ok(())
    }

    /// The store on behalf of the stream's client, if it may read a range.
    async fn reader(&mut self, range: &KeyRange) -> Result<Authorized, Error> {
        let store = self.context.store_for(&self.credentials).await?;
        store.require_readable(range)?;
        Ok(store)
    }

    /// The id of a new watch, or why there can be none.
    fn choose(&mut self, wanted: i64, range: &KeyRange, from: i64) -> Result<i64, &'static str> {
        if from < 0 {
            return Err("etcdserver: mvcc: required revision has been compacted");
        }
        if matches!(range, KeyRange::Span(start, end) if start >= end) {
            return Err("mvcc: watcher range is empty");
        }
        if wanted != 0 {
            return match self.watches.contains_key(&wanted) {
                true => Err("mvcc: duplicate watch ID provided on the WatchStream"),
                false => Ok(wanted),
            };
        }
        while self.watches.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        Ok(self.next_id - 1)
    }

    fn refuse(&mut self, now: Revision, reason: &str) {
        let head = pb::WatchResponse {
            watch_id: NO_WATCH,
            created: true,
            canceled: true,
            cancel_reason: reason.to_owned(),
            ..Default::default()
        };
        self.say(now, head);
    }

    fn cancel(&mut self, id: i64) {
        if self.watches.remove(&id).is_none() {
            return;
        }
        let now = self.context.member.status().revision;
        self.say(now, pb::WatchResponse { watch_id: id, canceled: true, ..Default::default() });
        self.ended(id);
    }

    fn ended(&mut self, id: i64) {
        if let Some(question) = &mut self.question {
            question.ended(id);
        }
        self.settle();
    }

    fn deliver(&mut self, id: i64, delivery: Result<WatchBatch, Error>) -> Result<(), Status> {
        match delivery {
            Ok(batch) if batch.events.is_empty() => self.report(id, batch.revision),
            Ok(batch) => self.tell(id, &batch),
            Err(Error::Compacted { compacted, .. }) => {
                self.watches.remove(&id);
                let head = pb::WatchResponse {
                    watch_id: id,
                    canceled: true,
                    compact_revision: compacted.0,
                    ..Default::default()
                };
                // etcd tells no revision here.
                self.say(Revision::NONE, head);
                self.ended(id);
            }
            // Its reader may not read it any more.
            Err(Error::Auth(refusal)) => {
                self.watches.remove(&id);
                let now = self.context.member.status().revision;
                let head = pb::WatchResponse {
                    watch_id: id,
                    canceled: true,
                    cancel_reason: reason(refusal).to_owned(),
                    ..Default::default()
                };
                self.say(now, head);
                self.ended(id);
            }
            Err(error) => return Err(status(error)),
        }
        Ok(())
    }

    /// Takes what is there already into the same message, as long as there is one and it has room.
    fn deliver_more(&mut self) -> Result<(), Status> {
        while self.outbox.len() == 1 && self.outbox.back().is_some_and(Answer::has_room) {
            let Some(Some((id, delivery))) = self.deliveries.next().now_or_never() else { break };
            self.deliver(id, delivery)?;
        }
        Ok(())
    }

    fn tell(&mut self, id: i64, batch: &WatchBatch) {
        let Some(open) = self.watches.get_mut(&id) else { return };
        open.told = true;
        let events = u64::try_from(batch.events.len()).unwrap_or(u64::MAX);
        self.context.counts.events_sent.fetch_add(events, Ordering::Relaxed);
        let events = self.context.encoder.encode(&batch.events);
        let head = pb::WatchResponse {
            header: Some(self.context.header(batch.revision)),
            watch_id: id,
            fragment: batch.more,
            ..Default::default()
        };
        let answer = Answer::told(head, events);
        let answer = match self.outbox.back_mut() {
            Some(last) => last.join(answer),
            None => Some(answer),
        };
        self.outbox.extend(answer);
    }

    /// A watch has answered its bell.
    fn report(&mut self, id: i64, revision: Revision) {
        let Some(open) = self.watches.get_mut(&id) else { return };
        let due = std::mem::take(&mut open.due);
        if due && !open.told {
            self.say(revision, pb::WatchResponse { watch_id: id, ..Default::default() });
        }
        if let Some(question) = &mut self.question {
            question.answered(id, revision);
        }
        self.settle();
    }

    /// Asks every watch how far it has delivered; one answer for the whole stream.
    fn ask(&mut self) {
        self.question = Some(Question::new(self.watches.keys().copied()));
        for open in self.watches.values() {
            open.bell.ring();
        }
        self.settle();
    }

    fn settle(&mut self) {
        let now = self.context.member.status().revision;
        let Some(revision) = self.question.as_ref().and_then(|asked| asked.outcome(now)) else {
            return;
        };
        self.question = None;
        self.say(revision, pb::WatchResponse { watch_id: NO_WATCH, ..Default::default() });
    }

    /// Asks those watches that have had nothing to tell.
    fn tick(&mut self) {
        for open in self.watches.values_mut().filter(|open| open.notify) {
            open.due = !open.told;
            open.told = false;
            if open.due {
                open.bell.ring();
            }
        }
        self.interval = self.context.clock.sleep(self.context.options.progress_interval);
    }

    fn say(&mut self, revision: Revision, head: pb::WatchResponse) {
        let header = Some(self.context.header(revision));
        self.outbox.push_back(pb::WatchResponse { header, ..head }.into());
    }
}

/// Why a client may not watch, in the words that etcd's libraries give a refusal.
fn reason(refusal: AuthError) -> &'static str {
    match refusal {
        AuthError::InvalidToken => {
            "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token"
        }
        AuthError::OldRevision => {
            "rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old"
        }
        AuthError::UserEmpty => {
            "rpc error: code = InvalidArgument desc = etcdserver: user name is empty"
        }
        _ => "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
    }
}

/// What a watch looks at: no key is the first key that can exist (etcd's rule).
fn watched(key: Bytes, end: Bytes) -> KeyRange {
    let key = if key.is_empty() { Bytes::from_static(b"\0") } else { key };
    key_range(key, end)
}

fn left_out(filter: i32) -> Option<EventKind> {
    match FilterType::try_from(filter) {
        Ok(FilterType::Noput) => Some(EventKind::Put),
        Ok(FilterType::Nodelete) => Some(EventKind::Delete),
        // What is not known filters nothing (etcd's rule).
        Err(_) => None,
    }
}
