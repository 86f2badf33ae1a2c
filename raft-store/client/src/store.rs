//! The handle.

use crate::errors::{Refusal, refusal};
use crate::keyspace::Keyspace;
use crate::leader::follow;
use crate::named::Wrapped;
use crate::options::Options;
use crate::standing::Standing;
use crate::{leases, request, response, watch};
use async_trait::async_trait;
use etcd_client::Client;
use quorate_seams::{Monotonic, Task, spawn, timeout};
use quorate_store::{
    Error, LeaseGranted, LeaseTimeToLive, Op, PutOp, RangeRequest, RangeResponse, Status, Store,
    Txn, TxnResponse, WatchRequest, WatchStream,
};
use quorate_types::{LeaseId, MemberId, Revision};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch as channel};

/// How long the names of requests are remembered at least.
const NAMES_KEPT: Duration = Duration::from_secs(3600);

/// An etcd as a [`Store`].
///
/// Its [`Status::member`] is the handle itself and [`Status::leader`] the handle that leads among those
/// of one root, see [`Options::campaign`]. A handle that is dropped leads no longer once its lease has
/// ended; [`EtcdStore::close`] ends it at once.
///
/// Beside what [`Store`] promises:
/// - a repeat of a named request ([`Txn::request_id`]) is answered as the first was if it only puts
///   keys, otherwise with [`Error::AlreadyApplied`]; names are kept for an hour at least, however many
///   there are, and a named transaction moves the store's revision even if it changes nothing else;
/// - a range without an end ends with the root, so that etcd refuses a transaction that puts a key and
///   deletes everything from some key on, where it would take it for the whole of its keys;
/// - leases are told in whole seconds;
/// - a user of the etcd needs the rights to everything under the root, and to every key for watches
///   that ask for progress.
pub struct EtcdStore {
    inner: Arc<Inner>,
    follower: Task<()>,
}

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = &self.inner.options.root;
        f.debug_struct("EtcdStore").field("root", root).finish_non_exhaustive()
    }
}

/// What the parts of a handle share.
pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) space: Keyspace,
    pub(crate) options: Options,
    pub(crate) member: MemberId,
    pub(crate) standing: Standing,
    /// The lease that names hang on, and when another takes its place.
    names: Mutex<Option<(LeaseId, Monotonic)>>,
}

impl EtcdStore {
    /// A handle to what lies under a root; reads once to see that the servers answer.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options that make no sense, or the servers cannot be reached.
    pub async fn new(client: Client, options: Options) -> Result<Self, Error> {
        check(&options)?;
        let member = MemberId(options.random.next_u64() >> 1);
        let inner = Arc::new(Inner {
            client,
            space: Keyspace::new(&options.root),
            options,
            member,
            standing: Standing::new(member),
            names: Mutex::new(None),
        });
        inner.read(&RangeRequest::key("now").count_only()).await?;
        let follower = spawn(follow(Arc::clone(&inner)));
        Ok(Self { inner, follower })
    }

    /// Ends the handle; if it leads, another one may at once.
    ///
    /// # Errors
    /// The lease could not be ended: the leadership ends with it later.
    pub async fn close(self) -> Result<(), Error> {
        drop(self.follower);
        let client = &self.inner.client;
        let mut keys = client.kv_client();
        let held = self.inner.within_time_of(keys.get(self.inner.space.leader(), None)).await?;
        let own = self.inner.member.0.to_string();
        match held.kvs().first().filter(|kv| kv.value() == own.as_bytes()) {
            Some(kv) => leases::revoke(client.lease_client(), LeaseId(kv.lease())).await,
            None => Ok(()),
        }
    }
}

fn check(options: &Options) -> Result<(), Error> {
    let invalid = |reason: &str| Err(Error::Invalid { reason: reason.to_owned() });
    if options.root.is_empty() {
        return invalid("root is empty: name a prefix, \"/quorate/\" for example");
    }
    if options.leader_ttl < Duration::from_secs(2) {
        return invalid("leader_ttl is below two seconds: etcd's leases are no finer");
    }
    Ok(())
}

impl Inner {
    /// Bounds a call by the time a request may take.
    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let answer = timeout(&*self.options.clock, self.options.request_timeout, call).await;
        answer.unwrap_or(Err(Error::Timeout))
    }

    async fn within_time_of<T>(
        &self,
        call: impl Future<Output = Result<T, etcd_client::Error>>,
    ) -> Result<T, Error> {
        self.in_time(async { call.await.map_err(|error| refusal(error).into()) }).await
    }

    pub(crate) async fn read(&self, asked: &RangeRequest) -> Result<RangeResponse, Error> {
        asked.range.check()?;
        let (key, options) = request::range(&self.space, asked);
        let mut client = self.client.kv_client().max_decoding_message_size(usize::MAX);
        let got = match client.get(key, Some(options)).await {
            Ok(got) => got,
            Err(error) => return Err(self.explained(refusal(error), asked.revision).await),
        };
        let revision = response::revision(got.header());
        self.standing.saw(revision);
        Ok(response::range(&self.space, asked, &got, revision))
    }

    /// Asks for what a refusal leaves out.
    async fn explained(&self, refused: Refusal, requested: Revision) -> Error {
        match refused {
            Refusal::Compacted => match self.compacted().await {
                Ok(compacted) => Error::Compacted { requested, compacted },
                Err(error) => error,
            },
            Refusal::FutureRevision => match self.current().await {
                Ok(current) => Error::FutureRevision { requested, current },
                Err(error) => error,
            },
            other => other.into(),
        }
    }

    async fn current(&self) -> Result<Revision, Error> {
        let (key, options) = request::range(&self.space, &RangeRequest::key("now").count_only());
        let got = self.client.kv_client().get(key, Some(options)).await;
        Ok(response::revision(got.map_err(|error| Error::from(refusal(error)))?.header()))
    }

    /// The oldest revision that is kept: a watch of the first one is told.
    async fn compacted(&self) -> Result<Revision, Error> {
        let fail = |error| Error::from(refusal(error));
        let from = etcd_client::WatchOptions::new().with_start_revision(1);
        let mut client = self.client.watch_client();
        let mut told = client.watch(self.space.key(b"now"), Some(from)).await.map_err(fail)?;
        while let Some(message) = told.message().await.map_err(fail)? {
            if message.canceled() {
                let compacted = Revision(message.compact_revision());
                self.standing.saw_compacted(compacted);
                return Ok(compacted);
            }
        }
        Err(Error::unavailable("the server does not tell what it has compacted"))
    }

    async fn transact(&self, asked: &Txn) -> Result<TxnResponse, Error> {
        let wrapped = Wrapped::new(&self.space, asked, self.options.max_txn_ops)?;
        let names = match asked.request_id {
            Some(_) => self.names().await?,
            None => LeaseId::NONE,
        };
        let mut client = self.client.kv_client().max_decoding_message_size(usize::MAX);
        match client.txn(wrapped.message(names)).await {
            Ok(got) => {
                self.standing.saw(response::revision(got.header()));
                wrapped.outcome(&got)
            }
            Err(error) => Err(self.refused(refusal(error), asked).await),
        }
    }

    async fn refused(&self, refused: Refusal, asked: &Txn) -> Error {
        match refused {
            Refusal::KeyNotFound => Error::KeyNotFound { key: self.first_missing(asked).await },
            Refusal::LeaseNotFound => {
                // A name's lease that has ended is not the caller's: the next attempt has another.
                *self.names.lock().await = None;
                match self.first_unknown_lease(asked).await {
                    Some(lease) => Error::LeaseNotFound(lease),
                    None => Error::unavailable("the lease for names has ended: send it again"),
                }
            }
            refused => self.explained_txn(refused, asked).await,
        }
    }

    async fn explained_txn(&self, refused: Refusal, asked: &Txn) -> Error {
        let read = reads(asked).into_iter().filter(|revision| *revision != Revision::NONE);
        let requested = match &refused {
            Refusal::FutureRevision => read.max(),
            _ => read.min(),
        };
        self.explained(refused, requested.unwrap_or_default()).await
    }

    /// Of the keys that must exist, the first that does not.
    async fn first_missing(&self, asked: &Txn) -> String {
        let mut last = String::new();
        for put in puts(asked).into_iter().filter(|put| put.ignore_value || put.ignore_lease) {
            last = String::from_utf8_lossy(&put.key).into_owned();
            let found = self.read(&RangeRequest::key(put.key.clone()).count_only()).await;
            if found.is_ok_and(|found| found.count == 0) {
                break;
            }
        }
        last
    }

    async fn first_unknown_lease(&self, asked: &Txn) -> Option<LeaseId> {
        for put in puts(asked).into_iter().filter(|put| put.lease != LeaseId::NONE) {
            let left = leases::time_to_live(&self.space, self.client.lease_client(), put.lease);
            if matches!(left.await, Err(Error::LeaseNotFound(_))) {
                return Some(put.lease);
            }
        }
        None
    }

    /// The lease for names: a new one every hour, each for two.
    async fn names(&self) -> Result<LeaseId, Error> {
        let mut names = self.names.lock().await;
        let now = self.options.clock.now();
        if let Some((lease, until)) = *names
            && now < until
        {
            return Ok(lease);
        }
        let (client, random) = (self.client.lease_client(), &*self.options.random);
        let lease = leases::grant_reserved(client, random, NAMES_KEPT * 2).await?;
        *names = Some((lease, now + NAMES_KEPT));
        Ok(lease)
    }
}

fn puts<'a>(txn: &'a Txn) -> Vec<&'a PutOp> {
    let of = |op: &'a Op| match op {
        Op::Put(put) => vec![put],
        Op::Txn(nested) => puts(nested),
        _ => Vec::new(),
    };
    txn.ops_of_both_branches().flat_map(of).collect()
}

fn reads(txn: &Txn) -> Vec<Revision> {
    let of = |op: &Op| match op {
        Op::Range(request) => vec![request.revision],
        Op::Txn(nested) => reads(nested),
        _ => Vec::new(),
    };
    txn.ops_of_both_branches().flat_map(of).collect()
}

#[async_trait]
impl Store for EtcdStore {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.inner.in_time(self.inner.read(&request)).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        self.inner.in_time(self.inner.transact(&txn)).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), Error> {
        let inner = &self.inner;
        if revision <= Revision::NONE {
            // etcd takes some of these for a compaction of nothing.
            let compacted = inner.standing.status().compacted;
            return Err(Error::Compacted { requested: revision, compacted });
        }
        let compacting = async {
            match inner.client.kv_client().compact(revision.0, None).await {
                Ok(_) => {
                    inner.standing.saw_compacted(revision);
                    Ok(())
                }
                Err(error) => Err(inner.explained(refusal(error), revision).await),
            }
        };
        inner.in_time(compacting).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, Error> {
        self.inner.in_time(watch::open(Arc::clone(&self.inner), request)).await
    }

    async fn lease_grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGranted, Error> {
        self.inner.in_time(leases::grant(self.inner.client.lease_client(), id, ttl)).await
    }

    async fn lease_revoke(&self, id: LeaseId) -> Result<(), Error> {
        self.inner.in_time(leases::revoke(self.inner.client.lease_client(), id)).await
    }

    async fn lease_keep_alive(&self, id: LeaseId) -> Result<Duration, Error> {
        self.inner.in_time(leases::keep_alive(self.inner.client.lease_client(), id)).await
    }

    async fn lease_time_to_live(&self, id: LeaseId) -> Result<LeaseTimeToLive, Error> {
        let inner = &self.inner;
        inner.in_time(leases::time_to_live(&inner.space, inner.client.lease_client(), id)).await
    }

    async fn leases(&self) -> Result<Vec<LeaseId>, Error> {
        self.inner.in_time(leases::list(self.inner.client.lease_client())).await
    }

    fn status(&self) -> Status {
        self.inner.standing.status()
    }

    fn status_watch(&self) -> channel::Receiver<Status> {
        self.inner.standing.follow()
    }
}
