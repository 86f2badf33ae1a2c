//! The state as one value: apply, read, watch, copy, replace.
//!
//! Place: wires the pure parts to the database. One writer at a time (`writer`); what readers see (a
//! view of the database and where it stands, the ring) is published after the write, never before.

use crate::apply::{self, attached};
use crate::auth::{self, SharedAuth};
use crate::db::{Family, SharedView, StateDb, Step};
use crate::hash::{self, HashKv};
use crate::layout::{decode_lease, lease_key, parse_lease_key, prefix_bounds};
use crate::lease_changes::{LeaseChanges, LeaseFeed};
use crate::meta::{Meta, founding, identify};
use crate::operations::{Counter, Operations};
use crate::space::Space;
use crate::watch::{self, Pulled, Ring, Watcher};
use crate::{
    Alarm, AlarmKind, Applied, ApplyEntry, Error, Options, Outcome, StoredLease, db, page, read,
};
use bytes::Bytes;
use quorate_auth::{AuthState, TokenSink};
use quorate_seams::bug;
use quorate_store::{Error as Refusal, RangeRequest, RangeResponse, WatchRequest, WatchStream};
use quorate_types::{ClusterId, LeaseId, LogIndex, Revision};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Most revisions a watcher takes from the ring at a time.
const PULL_REVISIONS: usize = 256;
/// Events a watcher reads from the history at a time, completed to a whole revision.
const PULL_EVENTS: usize = 256;

/// The replicated state over a database. Shared; all methods may be called from any thread. They
/// do not wait for anything but the database.
#[derive(Debug)]
pub struct Mvcc {
    db: Arc<dyn StateDb>,
    options: Options,
    /// Held while applying, copying and replacing.
    writer: Mutex<()>,
    now: RwLock<Arc<Now>>,
    durable: Mutex<Option<LogIndex>>,
    ring: Ring,
    leases: LeaseFeed,
    auth: SharedAuth,
    space: Space,
    counter: Counter,
}

/// What readers see: everything applied so far, and where that stands.
struct Now {
    view: SharedView,
    meta: Meta,
}

impl std::fmt::Debug for Now {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Now").field("meta", &self.meta).finish_non_exhaustive()
    }
}

impl Mvcc {
    /// Opens the state in a database, as it was when last flushed.
    ///
    /// # Errors
    /// The database fails, or is of another cluster or format.
    pub fn open(db: Arc<dyn StateDb>, options: Options) -> Result<Arc<Self>, Error> {
        let view = db.view();
        let (meta, identity) = (Meta::load(&*view)?, identify(&*view, options.cluster)?);
        let auth = auth::load(&*view)?;
        if !identity.is_empty() {
            db.write(&identity)?;
            db.flush()?;
        }
        let ring = Ring::new(meta.revision, options.ring_events, options.ring_bytes);
        Ok(Arc::new(Self {
            db,
            options,
            writer: Mutex::new(()),
            // A database is opened as it was flushed, so what it has applied is durable.
            durable: Mutex::new(meta.applied.index),
            now: RwLock::new(Arc::new(Now { view, meta })),
            ring,
            leases: LeaseFeed::default(),
            auth: SharedAuth::new(auth),
            space: Space::default(),
            counter: Counter::default(),
        }))
    }

    /// How far the log has been applied.
    #[must_use]
    pub fn applied(&self) -> Applied {
        self.now().meta.applied.clone()
    }

    /// Applies committed entries in one atomic write, then tells the watchers. One outcome per
    /// entry, `None` for those that are no command and for those that were applied before.
    ///
    /// # Errors
    /// The database failed or a command cannot be read; the state is as it was. The member cannot
    /// go on.
    pub fn apply(&self, entries: Vec<ApplyEntry>) -> Result<Vec<Option<Outcome>>, Error> {
        let _writer = self.writer();
        let before = self.now();
        let Options { machines, compaction_step, .. } = &self.options;
        let (meta, auth) = (before.meta.clone(), self.auth.state());
        let effects = apply::apply(&*before.view, meta, auth, entries, machines, *compaction_step)?;
        self.auth.publish(effects.auth);
        self.db.write(&effects.batch)?;
        self.space.written(effects.batch.bytes());
        self.publish(effects.meta);
        self.leases.publish(&effects.leases);
        self.ring.publish(effects.revisions);
        self.counter.applied(&effects.outcomes);
        Ok(effects.outcomes)
    }

    /// Removes what compaction has made unreadable, visiting at most so many changes, apart from any
    /// entry; whether there is more to visit. An apply waits no longer than this takes.
    ///
    /// # Errors
    /// The database failed; the state is as it was.
    pub fn sweep(&self, most: usize) -> Result<bool, Error> {
        if self.now().meta.is_swept() {
            return Ok(false);
        }
        let _writer = self.writer();
        let before = self.now();
        let (meta, auth) = (before.meta.clone(), self.auth.state());
        let machines = &self.options.machines;
        let effects = apply::apply(&*before.view, meta, auth, Vec::new(), machines, most)?;
        self.db.write(&effects.batch)?;
        let more = !effects.meta.is_swept();
        self.publish(effects.meta);
        Ok(more)
    }

    /// The revision of the last applied change.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.now().meta.revision
    }

    /// The oldest revision that can be read; [`Revision::NONE`] before the first compaction.
    #[must_use]
    pub fn compacted(&self) -> Revision {
        self.now().meta.compacted
    }

    /// Reads what is applied; [`RangeRequest::consistency`] is the caller's business.
    ///
    /// # Errors
    /// [`Refusal::EmptyKey`], [`Refusal::Compacted`], [`Refusal::FutureRevision`], or
    /// [`Refusal::Fatal`] if the database fails.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Refusal> {
        self.counter.read();
        let now = self.now();
        let at = read::check(request, &now.meta)?;
        Ok(read::range(&*now.view, request, at, now.meta.revision)?)
    }

    /// The first keys of a range, as many as the limit says, in byte order: sorting and filtering are
    /// left undone. Stops there, and counts only what it returns.
    ///
    /// # Errors
    /// As [`Mvcc::range`].
    pub fn page(&self, request: &RangeRequest) -> Result<RangeResponse, Refusal> {
        self.counter.read();
        let now = self.now();
        let at = read::check(request, &now.meta)?;
        Ok(page::page(&*now.view, request, at, now.meta.revision)?)
    }

    /// What has been done to the state since it was opened.
    #[must_use]
    pub fn operations(&self) -> Operations {
        self.counter.counts()
    }

    /// Watches a range. [`Refusal::Compacted`] comes as the only item of the stream.
    pub fn watch(self: &Arc<Self>, request: WatchRequest) -> WatchStream {
        let signal = self.ring.signal();
        let compacted = self.compacted();
        if let Err(refusal) = request.range.check() {
            return watch::refused(refusal);
        }
        let next = match request.from {
            Revision::NONE => signal.borrow().revision.next(),
            from if from < compacted || from < Revision::NONE => {
                return watch::refused(Refusal::Compacted { requested: from, compacted });
            }
            from => from,
        };
        Watcher::new(self, signal, request, next).stream()
    }

    /// Some of the revisions from `next` on, which must have been published.
    pub(crate) fn since(&self, next: Revision, prev_kv: bool) -> Result<Pulled, Refusal> {
        match self.ring.since(next, PULL_REVISIONS) {
            Some(pulled) => Ok(pulled),
            None => {
                let now = self.now();
                watch::since(&*now.view, &now.meta, next, prev_kv, PULL_EVENTS)
            }
        }
    }

    /// All leases, by id.
    ///
    /// # Errors
    /// The database failed.
    pub fn leases(&self) -> Result<Vec<StoredLease>, Error> {
        let mut leases = Vec::new();
        let (start, end) = prefix_bounds(b"l".to_vec());
        self.now().view.scan(Family::Lease, &start, end.as_deref(), &mut |key, value| {
            leases.push(decode_lease(parse_lease_key(key)?, value, key)?);
            Ok(Step::Next)
        })?;
        Ok(leases)
    }

    /// A lease; `None` if there is no such lease.
    ///
    /// # Errors
    /// The database failed.
    pub fn lease(&self, id: LeaseId) -> Result<Option<StoredLease>, Error> {
        let key = lease_key(id);
        let value = self.now().view.value(Family::Lease, &key)?;
        value.map(|value| decode_lease(id, &value, &key)).transpose()
    }

    /// Users and roles as the last applied entry left them.
    #[must_use]
    pub fn auth(&self) -> Arc<AuthState> {
        self.auth.state()
    }

    /// The revision of users and roles while requests are checked, otherwise 0. Costs nothing: what an
    /// unchecked request looks at.
    #[must_use]
    pub fn auth_gate(&self) -> u64 {
        self.auth.gate()
    }

    /// Tells somebody what becomes of tokens, as entries are applied; whether nobody was told before.
    pub fn follow_tokens(&self, sink: Arc<dyn TokenSink>) -> bool {
        self.auth.follow(sink)
    }

    /// The alarms that are raised, sorted.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        self.now().meta.alarms.iter().copied().collect()
    }

    /// Whether a machine of the application is registered under a name.
    #[must_use]
    pub fn has_machine(&self, name: &str) -> bool {
        self.options.machines.get(name).is_some()
    }

    /// The keys attached to a lease, sorted; none if there is no such lease.
    ///
    /// # Errors
    /// The database failed.
    pub fn lease_keys(&self, id: LeaseId) -> Result<Vec<Bytes>, Error> {
        attached(&*self.now().view, id)
    }

    /// Follows grants and revocations from now on. Follow first, then read [`Mvcc::leases`]: a
    /// change may then be seen twice, but never missed.
    #[must_use]
    pub fn lease_changes(&self) -> LeaseChanges {
        self.leases.follow()
    }

    /// The checksum of the history up to a revision, [`Revision::NONE`] for the current one. Reads
    /// the whole history.
    ///
    /// # Errors
    /// [`Refusal::Compacted`], [`Refusal::FutureRevision`], or [`Refusal::Fatal`] if the database
    /// fails.
    pub fn hash_kv(&self, revision: Revision) -> Result<HashKv, Refusal> {
        let now = self.now();
        let revision = hash::check(revision, &now.meta)?;
        Ok(hash::hash(&*now.view, revision, &now.meta)?)
    }

    /// Bytes that the state takes on disk and in buffers that are not flushed yet, roughly.
    ///
    /// # Errors
    /// The database failed.
    pub fn size(&self) -> Result<u64, Error> {
        self.db.size()
    }

    /// Whether the state takes at least so many bytes. Cheap: the database is asked only when what
    /// was written since it was last asked may make a difference.
    ///
    /// # Errors
    /// The database failed.
    pub fn exceeds(&self, quota_bytes: u64) -> Result<bool, Error> {
        self.space.exceeds(quota_bytes, || self.db.size())
    }

    /// Frees the space of what was deleted and compacted away, now rather than in time. Takes as
    /// long as rewriting the state takes; reads and applies go on meanwhile.
    ///
    /// # Errors
    /// The database failed.
    pub fn defragment(&self) -> Result<(), Error> {
        self.db.flush()?;
        self.db.defragment()?;
        self.space.forget();
        Ok(())
    }

    /// Whether the alarm is raised that refuses what makes the state grow.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.now().meta.alarms.iter().any(|alarm| alarm.kind == AlarmKind::NoSpace)
    }

    /// Makes everything applied so far durable, and gives the last index of it: the log may be
    /// purged up to there. `None` if nothing was applied yet.
    ///
    /// # Errors
    /// The database failed; what is durable is unknown.
    pub fn flush(&self) -> Result<Option<LogIndex>, Error> {
        let applied = self.now().meta.applied.index;
        self.db.flush()?;
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        *durable = (*durable).max(applied);
        Ok(*durable)
    }

    /// The last index that is known to be durable.
    #[must_use]
    pub fn durable_index(&self) -> Option<LogIndex> {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a durable copy of the state, by hard links if the database can, in a directory that
    /// does not exist yet. Everything in it is durable here, too.
    ///
    /// # Errors
    /// The database failed, or the directory exists or cannot be written.
    pub fn checkpoint(&self, dir: &Path) -> Result<Applied, Error> {
        // Most of the writing is done before apply has to wait.
        self.flush()?;
        let _writer = self.writer();
        self.db.checkpoint(dir)?;
        let applied = self.applied();
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = applied.index;
        Ok(applied)
    }

    /// Replaces the whole state by a checkpoint, whose directory is consumed; it must lie on the
    /// same file system. Durable on return; a crash leaves the old state or the new one. Watchers
    /// continue from the new history without a gap, or end with an error.
    ///
    /// # Errors
    /// The directory is no checkpoint of this format and cluster; the old state stays.
    pub fn install(&self, dir: &Path) -> Result<Applied, Error> {
        let _writer = self.writer();
        let mut installed = Meta::default();
        let mut identity = db::Batch::default();
        let mut auth = AuthState::default();
        self.db.replace(dir, &mut |view| {
            identity = identify(view, self.options.cluster)?;
            installed = Meta::load(view)?;
            auth = auth::load(view)?;
            Ok(())
        })?;
        self.auth.replace(auth);
        let applied = installed.applied.clone();
        let revision = installed.revision;
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = applied.index;
        self.publish(installed);
        self.leases.reload();
        self.space.forget();
        if !bug("watch-ignores-replaced-state") {
            self.ring.replace(revision);
        }
        if !identity.is_empty() {
            self.db.write(&identity)?;
            self.db.flush()?;
        }
        Ok(applied)
    }

    /// Makes the state the beginning of a new cluster: its keys stay, everything that tied it to the
    /// old log goes. Durable on return. For restoring a backup, before anything is applied.
    ///
    /// # Errors
    /// The database failed.
    pub fn found(&self, cluster: ClusterId, applied: Applied) -> Result<(), Error> {
        let _writer = self.writer();
        let meta = Meta { applied, ..self.now().meta.clone() };
        let index = meta.applied.index;
        self.db.write(&founding(&meta, cluster))?;
        self.db.flush()?;
        self.publish(meta);
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = index;
        Ok(())
    }

    /// Makes a state whose changes were written by other means than applying stand where they end.
    pub(crate) fn begin_at(&self, meta: Meta) -> Result<(), Error> {
        let _writer = self.writer();
        let mut batch = db::Batch::default();
        let (key, value) = meta.encode();
        batch.put(Family::Meta, key, value);
        self.db.write(&batch)?;
        self.db.flush()?;
        self.auth.replace(auth::load(&*self.db.view())?);
        let revision = meta.revision;
        self.publish(meta);
        self.leases.reload();
        self.space.forget();
        self.ring.replace(revision);
        Ok(())
    }

    pub(crate) fn db(&self) -> &dyn StateDb {
        &*self.db
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Arc<Now> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows readers what was written; it stands at `meta`.
    fn publish(&self, meta: Meta) {
        let now = Arc::new(Now { view: self.db.view(), meta });
        let mut shown = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *shown, now);
        drop(shown);
        // Perhaps its last holder: dropping a view is the database's business.
        drop(before);
    }
}
