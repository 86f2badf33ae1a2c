//! Watching objects change.
//!
//! A watch is a cursor over the store's history. Objects enter and leave what a selector chooses, so
//! each event is judged with the object before and after it.

use super::{list, render};
use crate::call::Call;
use crate::failure::Failure;
use crate::media::Form;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::select::Selection;
use crate::served::Served;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use quorate_resources::{Error, KindInfo, Object, Revision, decode_stored};
use quorate_store::{
    Error as StoreError, Event, EventKind, ProgressBell, WatchBatch, WatchRequest, WatchStream,
};
use serde::Serialize;
use serde_json::json;
use std::collections::VecDeque;
use std::time::Duration;

/// How often a watcher who asked for bookmarks is told where it stands.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// Tells a watcher that everything that existed at its start has been sent.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// What a watch asks for.
struct Options {
    from: Option<Revision>,
    initial: bool,
    /// The client knows the streaming form of lists and waits for its end mark.
    marked: bool,
    bookmarks: bool,
    limit: Option<Duration>,
}

impl Options {
    fn parse(call: &Call) -> Result<Self, Failure> {
        let version = list::version(call)?;
        let bookmarks = call.query.flag("allowWatchBookmarks")?;
        let asked = call.query.text("sendInitialEvents").is_some();
        let send = call.query.flag("sendInitialEvents")?;
        let rule = call.query.text("resourceVersionMatch");
        match (asked, rule) {
            (true, Some("NotOlderThan")) | (false, None) => {}
            (true, _) => {
                let message = "resourceVersionMatch must be NotOlderThan with sendInitialEvents";
                return Err(Failure::bad(message));
            }
            (false, Some(_)) => {
                let message = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
                return Err(Failure::bad(message));
            }
        }
        let now = version.is_none_or(|version| version == Revision::NONE);
        let initial = if asked { send } else { now };
        let seconds = call.query.number("timeoutSeconds")?.and_then(|it| u64::try_from(it).ok());
        Ok(Self {
            from: version.filter(|version| *version != Revision::NONE),
            initial,
            marked: asked && send && bookmarks,
            bookmarks,
            limit: seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs),
        })
    }
}

pub(super) async fn watch(
    api: &Served,
    call: &Call,
    target: &Target<'_>,
    name: Option<&str>,
) -> Result<Reply, Failure> {
    let options = Options::parse(call)?;
    let mut selection = Selection::parse(&call.query, target.info)?;
    if let Some(name) = name {
        selection = selection.with_name(name);
    }
    if let Some(from) = options.from {
        list::not_ahead(api, from).await?;
    }
    let bell = ProgressBell::new();
    let mut lines = Lines::new(api, call, target.info, selection, &options)?;
    let start = lines.start(target, &options).await?;
    let range =
        api.objects(false).key_range(&target.info.group_kind(), target.namespace.as_deref())?;
    let request = WatchRequest::new(range).from(start.next()).with_prev_kv().with_bell(&bell);
    let mut changes = api.objects(false).store().watch(request).await.map_err(Error::Store)?;
    match changes.next().now_or_never() {
        Some(Some(Err(StoreError::Compacted { requested, compacted }))) => {
            let message = format!("too old resource version: {} ({compacted})", requested.prev());
            return Err(Failure::Expired { message, fresh: None });
        }
        Some(Some(batch)) => changes = stream::once(async { batch }).chain(changes).boxed(),
        _ => {}
    }
    Ok(reply::stream(lines.run(changes, bell, &options)))
}

/// One line of a watch.
#[derive(Serialize)]
struct Change<'o, T> {
    #[serde(rename = "type")]
    kind: &'o str,
    object: &'o T,
}

/// The lines of one watch in the making.
struct Lines {
    api: Served,
    call: Call,
    info: KindInfo,
    selection: Selection,
    bookmarks: bool,
    headed: bool,
    pending: VecDeque<Bytes>,
}

impl Lines {
    fn new(
        api: &Served,
        call: &Call,
        info: &KindInfo,
        selection: Selection,
        options: &Options,
    ) -> Result<Self, Failure> {
        if let Form::Table(version) = call.accepted.form {
            render::style(api, call, version)?;
        }
        let (call, info) = (Call { body: Bytes::new(), ..call.clone() }, info.clone());
        let (bookmarks, pending) = (options.bookmarks, VecDeque::new());
        Ok(Self {
            api: Served::clone(api),
            call,
            info,
            selection,
            bookmarks,
            headed: false,
            pending,
        })
    }

    /// Queues what exists, if that is asked for; tells after which revision changes follow.
    async fn start(&mut self, target: &Target<'_>, options: &Options) -> Result<Revision, Failure> {
        if !options.initial {
            return match options.from {
                Some(from) => Ok(from),
                None => Ok(list::all(&self.api, target, &self.selection).await?.0),
            };
        }
        let (revision, objects) = list::all(&self.api, target, &self.selection).await?;
        for object in &objects {
            self.push("ADDED", object);
        }
        if options.marked {
            self.bookmark(revision, true);
        }
        Ok(revision)
    }

    fn push(&mut self, kind: &str, object: &Object) {
        if self.call.accepted.form == Form::Object {
            return self.line(kind, object);
        }
        let value = render::value(&self.api, &self.call, &self.info, object, !self.headed);
        self.headed = true;
        let value = value.unwrap_or_else(|failure| failure.status(self.api.registry()));
        self.line(kind, &value);
    }

    fn line<T: Serialize>(&mut self, kind: &str, object: &T) {
        match reply::line(&Change { kind, object }) {
            Ok(line) => self.pending.push_back(line.into()),
            Err(error) => tracing::error!(%error, "a change could not be written"),
        }
    }

    fn bookmark(&mut self, revision: Revision, end_of_initial: bool) {
        let mut metadata = list::position(revision);
        if end_of_initial {
            metadata["annotations"] = json!({ INITIAL_END: "true" });
        }
        let (kind, version) = match self.call.accepted.form {
            Form::Table(version) => ("Table", format!("meta.k8s.io/{version}")),
            Form::Partial(version) => ("PartialObjectMetadata", format!("meta.k8s.io/{version}")),
            _ => (self.info.kind.as_str(), self.info.api_version()),
        };
        let mut object = json!({ "kind": kind, "apiVersion": version, "metadata": metadata });
        if kind == "Table" {
            object["rows"] = json!([]);
            object["columnDefinitions"] = json!([]);
        }
        self.line("BOOKMARK", &object);
    }

    fn batch(&mut self, batch: &WatchBatch) {
        if batch.events.is_empty() && self.bookmarks {
            self.bookmark(batch.revision, false);
        }
        for event in batch.events.iter() {
            self.event(event);
        }
    }

    fn event(&mut self, event: &Event) {
        let chosen = |object: &Object| self.selection.matches(object);
        let before = event.prev_kv.as_ref().and_then(|kv| decode_stored(kv).ok());
        let was = before.as_ref().is_some_and(chosen);
        if event.kind == EventKind::Delete {
            if let Some(mut object) = before.filter(|_| was) {
                object.metadata.resource_version = Some(event.kv.mod_revision);
                self.push("DELETED", &object);
            }
            return;
        }
        let Ok(object) = decode_stored(&event.kv) else {
            tracing::error!(key = %String::from_utf8_lossy(&event.kv.key), "stored object is damaged");
            return;
        };
        match (was, chosen(&object)) {
            (false, true) => self.push("ADDED", &object),
            (true, true) => self.push("MODIFIED", &object),
            (true, false) => self.push("DELETED", &object),
            (false, false) => {}
        }
    }

    fn failed(&mut self, error: StoreError) {
        let failure = match error {
            StoreError::Compacted { compacted, .. } => Failure::Expired {
                message: format!("too old resource version ({compacted} is the oldest)"),
                fresh: None,
            },
            other => Failure::Objects(Error::Store(other)),
        };
        let status = failure.status(self.api.registry());
        self.line("ERROR", &status);
    }

    fn run(
        self,
        changes: WatchStream,
        bell: ProgressBell,
        options: &Options,
    ) -> impl futures::Stream<Item = Bytes> + Send + 'static {
        let clock = self.api.objects(false).seams().clock.clone();
        let end = options.limit.map(|limit| clock.sleep(limit));
        let next_bell = self.bookmarks.then(|| clock.sleep(BOOKMARK_INTERVAL));
        let state = Running { lines: self, changes: Some(changes), bell, end, next_bell };
        stream::unfold(state, |mut state| async move {
            let line = state.next().await?;
            Some((line, state))
        })
    }
}

/// A watch that runs.
struct Running {
    lines: Lines,
    /// `None` once the store has ended the watch.
    changes: Option<WatchStream>,
    bell: ProgressBell,
    end: Option<BoxFuture<'static, ()>>,
    next_bell: Option<BoxFuture<'static, ()>>,
}

impl Running {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pending.pop_front() {
                return Some(line);
            }
            let changes = self.changes.as_mut()?;
            let what = tokio::select! {
                biased;
                () = due(self.end.as_mut()) => return None,
                batch = changes.next() => Some(batch),
                () = due(self.next_bell.as_mut()) => None,
            };
            match what {
                None => {
                    let clock = &self.lines.api.objects(false).seams().clock;
                    self.next_bell = Some(clock.sleep(BOOKMARK_INTERVAL));
                    self.bell.ring();
                }
                Some(Some(Ok(batch))) => self.lines.batch(&batch),
                Some(Some(Err(error))) => {
                    self.lines.failed(error);
                    self.changes = None;
                }
                Some(None) => return None,
            }
        }
    }
}

/// Waits for a timer; for ever if there is none.
async fn due(timer: Option<&mut BoxFuture<'static, ()>>) {
    match timer {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}
