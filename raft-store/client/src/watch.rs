//! Watching: etcd's answers as batches of whole revisions.
//!
//! Who asks for progress, or hears a bell, is told of revisions that do not touch its range. etcd's own
//! progress reports cannot be relied on for that before 3.4.25 and 3.5.8, where they may overtake
//! events. So such a watch follows every key of the etcd, whose revisions have no gap, and leaves out
//! what it was not asked for.

use crate::errors::refusal;
use crate::response;
use crate::store::Inner;
use etcd_client as etcd;
use futures::StreamExt;
use futures::stream::{once, unfold};
use quorate_store::{
    Certainty, Error, Event, EventKind, RangeRequest, WatchBatch, WatchRequest, WatchStream,
};
use quorate_types::Revision;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch::Receiver;

/// Opens a watch; it has begun when this returns.
pub(crate) async fn open(inner: Arc<Inner>, request: WatchRequest) -> Result<WatchStream, Error> {
    request.range.check()?;
    if request.from < Revision::NONE {
        // What etcd makes of these differs between its releases.
        let compacted = inner.standing.status().compacted;
        let gone = Error::Compacted { requested: request.from, compacted };
        return Ok(once(async { Err(gone) }).boxed());
    }
    let everything = request.progress || request.bell.is_some();
    let bell = request.bell.as_ref().map(quorate_store::ProgressBell::listen);
    let (key, options) = wire(&inner, &request, everything);
    let fail = |error| Error::from(refusal(error));
    let mut stream = inner.client.watch_client().watch(key, Some(options)).await.map_err(fail)?;
    let mut begun = stream.message().await.map_err(fail)?.ok_or_else(lost)?;
    let at = response::revision(begun.take_header().as_ref());
    let reached = if request.from == Revision::NONE { at } else { request.from.prev() };
    let follow = Follow {
        inner,
        request,
        stream,
        bell,
        reached,
        owed: None,
        ready: VecDeque::new(),
        over: false,
    };
    Ok(unfold(follow.begun(&begun), Follow::next).boxed())
}

fn lost() -> Error {
    Error::Unavailable { reason: "the watch was ended".to_owned(), certainty: Certainty::Unknown }
}

/// The keys to watch, and how.
fn wire(inner: &Inner, request: &WatchRequest, everything: bool) -> (Vec<u8>, etcd::WatchOptions) {
    let (key, end) = inner.space.range(&request.range);
    let mut options = etcd::WatchOptions::new();
    // A range that holds nothing is refused by etcd.
    options = match end.is_empty() {
        _ if everything || (!end.is_empty() && end <= key) => options.with_all_keys(),
        true => options,
        false => options.with_range(end),
    };
    // Another server may lag behind what this handle has seen.
    let next = inner.standing.revision().0 + 1;
    let from = if request.from == Revision::NONE && next > 1 { next } else { request.from.0 };
    options = options.with_start_revision(from);
    if request.prev_kv {
        options = options.with_prev_key();
    }
    (key, options)
}

/// A watch that goes on.
struct Follow {
    inner: Arc<Inner>,
    request: WatchRequest,
    stream: etcd::WatchStream,
    bell: Option<Receiver<u64>>,
    /// Everything up to this has been told or was not asked for; of a watch of every key.
    reached: Revision,
    /// A ring is answered once this has been reached.
    owed: Option<Revision>,
    ready: VecDeque<Result<WatchBatch, Error>>,
    over: bool,
}

type Item = Result<WatchBatch, Error>;

impl Follow {
    /// The first answer may already be the last.
    fn begun(mut self, first: &etcd::WatchResponse) -> Self {
        if self.request.from == Revision::NONE {
            self.reached = self.reached.max(self.inner.standing.revision());
        }
        self.take(first);
        self
    }

    async fn next(mut self) -> Option<(Item, Self)> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some((item, self));
            }
            if self.over {
                return None;
            }
            self.wait().await;
            self.answer_ring();
        }
    }

    async fn wait(&mut self) {
        let ring = async {
            match &mut self.bell {
                Some(bell) => bell.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = self.stream.message() => match message {
                Ok(Some(message)) => self.take(&message),
                Ok(None) => self.end(lost()),
                Err(error) => self.end(refusal(error).into()),
            },
            heard = ring => if heard { self.owe().await } else { self.bell = None },
        }
    }

    fn end(&mut self, error: Error) {
        self.ready.push_back(Err(error));
        self.over = true;
    }

    /// The bell asks for everything up to now.
    async fn owe(&mut self) {
        let ask = RangeRequest::key("now").count_only();
        match self.inner.read(&ask).await {
            Ok(found) => self.owed = self.owed.max(Some(found.revision)),
            Err(error) => self.end(error),
        }
    }

    fn answer_ring(&mut self) {
        if self.owed.is_some_and(|owed| self.reached >= owed) {
            self.owed = None;
            self.ready.push_back(Ok(WatchBatch::progress(self.reached)));
        }
    }

    fn take(&mut self, message: &etcd::WatchResponse) {
        if !message.events().is_empty() {
            self.tell(message.events());
        }
        if message.canceled() {
            let compacted = Revision(message.compact_revision());
            self.inner.standing.saw_compacted(compacted);
            let requested = self.request.from.max(self.reached.next());
            self.end(match (compacted, message.cancel_reason()) {
                (Revision::NONE, "") => lost(),
                (Revision::NONE, reason) => {
                    let status = tonic::Status::unknown(reason);
                    refusal(etcd::Error::GRpcStatus(status)).into()
                }
                _ => Error::Compacted { requested, compacted },
            });
        }
    }

    fn tell(&mut self, events: &[etcd::Event]) {
        let Some(last) = events.last().and_then(|event| event.kv()) else { return };
        self.reached = Revision(last.mod_revision());
        self.inner.standing.saw(self.reached);
        let admitted: Vec<Event> = events
            .iter()
            .filter_map(|event| self.event(event))
            .filter(|event| self.request.admits(event))
            .collect();
        if admitted.is_empty() && !self.request.progress {
            return;
        }
        let batch = WatchBatch::new(self.reached, admitted.into());
        self.ready.extend(batch.fragments(self.request.fragment).into_iter().map(Ok));
    }

    /// An event of the store; `None` for those of others.
    fn event(&self, event: &etcd::Event) -> Option<Event> {
        let space = &self.inner.space;
        let kv = event.kv().filter(|kv| space.strip(kv.key()).is_some())?;
        let kind = match event.event_type() {
            etcd::EventType::Put => EventKind::Put,
            etcd::EventType::Delete => EventKind::Delete,
        };
        let prev_kv = event.prev_kv().map(|kv| response::key_value(space, kv));
        Some(Event { kind, kv: response::key_value(space, kv), prev_kv })
    }
}
