//! Who leads among the handles of a root.
//!
//! The leader holds one key by a lease; its term is the revision of that key's creation, so that a
//! transaction fenced with it is void once the key has been lost. A leader that cannot renew its lease
//! stops believing in itself before the lease can end.

use crate::errors::{Refusal, refusal};
use crate::leases;
use crate::response::revision;
use crate::store::Inner;
use etcd_client as etcd;
use quorate_seams::timeout;
use quorate_store::Error;
use quorate_types::{LeaseId, MemberId, Revision, Term};
use std::sync::Arc;
use std::time::Duration;

/// Renewals within the life of a lease.
const RENEWALS: u32 = 3;

/// Who holds the key.
struct Holder {
    member: MemberId,
    term: Term,
    lease: LeaseId,
    /// The store's revision when this was seen.
    at: Revision,
}

/// Follows, and if told so seeks, the leadership for as long as the handle lives.
pub(crate) async fn follow(inner: Arc<Inner>) {
    let mut lease = None;
    loop {
        if let Err(error) = inner.round(&mut lease).await {
            tracing::debug!(%error, "the leader is not known");
            if matches!(error, Error::LeaseNotFound(_)) {
                lease = None;
            }
            inner.options.clock.sleep(inner.options.leader_ttl / RENEWALS / 4).await;
        }
    }
}

impl Inner {
    /// Asks for the office, or who has it, and waits until that has an end.
    async fn round(&self, lease: &mut Option<LeaseId>) -> Result<(), Error> {
        if self.options.campaign && lease.is_none() {
            let granted = self.reserve(self.options.leader_ttl).await?;
            *lease = Some(granted);
        }
        let begun = self.options.clock.now();
        let holder = match lease {
            Some(lease) if self.options.campaign => self.seek(*lease).await?,
            _ => self.look().await?,
        };
        match (holder, *lease) {
            (Some(holder), Some(lease)) if holder.lease == lease => {
                self.serve(lease, holder, begun + self.options.leader_ttl).await
            }
            (Some(holder), lease) => {
                // What hangs on a lease of this handle that may end any time is nobody's office.
                let another = holder.member != self.member;
                self.standing.led_by(another.then_some((holder.member, holder.term)));
                self.wait_for_end(holder.at, lease).await
            }
            (None, _) => {
                self.standing.led_by(None);
                self.options.clock.sleep(self.options.leader_ttl / RENEWALS).await;
                Ok(())
            }
        }
    }

    async fn reserve(&self, ttl: Duration) -> Result<LeaseId, Error> {
        leases::grant_reserved(self.client.lease_client(), &*self.options.random, ttl).await
    }

    /// Takes the key if nobody has it.
    async fn seek(&self, lease: LeaseId) -> Result<Option<Holder>, Error> {
        let key = self.space.leader();
        let free = etcd::Compare::create_revision(key.clone(), etcd::CompareOp::Equal, 0);
        let by_lease = etcd::PutOptions::new().with_lease(lease.0);
        let take = etcd::TxnOp::put(key.clone(), self.member.0.to_string(), Some(by_lease));
        let read = etcd::TxnOp::get(key, None);
        let txn = etcd::Txn::new().when([free]).and_then([take, read.clone()]).or_else([read]);
        let mut client = self.client.kv_client();
        let answer = self.within_time(client.txn(txn)).await?;
        let at = revision(answer.header());
        let found = match answer.op_responses().pop() {
            Some(etcd::TxnOpResponse::Get(found)) => holder(found.kvs(), at),
            _ => None,
        };
        Ok(found)
    }

    async fn look(&self) -> Result<Option<Holder>, Error> {
        let mut client = self.client.kv_client();
        let found = self.within_time(client.get(self.space.leader(), None)).await?;
        Ok(holder(found.kvs(), revision(found.header())))
    }

    async fn within_time<T>(
        &self,
        call: impl Future<Output = Result<T, etcd::Error>>,
    ) -> Result<T, Error> {
        let answer = timeout(&*self.options.clock, self.options.request_timeout, call).await;
        answer.ok_or(Error::Timeout)?.map_err(|error| match refusal(error) {
            Refusal::LeaseNotFound => Error::LeaseNotFound(LeaseId::NONE),
            other => other.into(),
        })
    }

    /// Leads until the lease cannot be renewed or the key is gone.
    async fn serve(
        &self,
        lease: LeaseId,
        holder: Holder,
        mut until: quorate_seams::Monotonic,
    ) -> Result<(), Error> {
        let clock = &*self.options.clock;
        let (ttl, client) = (self.options.leader_ttl, self.client.lease_client());
        self.standing.led_by(Some((holder.member, holder.term)));
        let outcome = loop {
            let asked = clock.now();
            let left = until - asked;
            let renewal = async {
                leases::keep_alive(client.clone(), lease).await?;
                self.look().await
            };
            match timeout(clock, left, renewal).await {
                None => break Err(Error::Timeout),
                Some(Ok(Some(now))) if now.term == holder.term => until = asked + ttl,
                Some(Ok(_)) => break Ok(()),
                Some(Err(error @ Error::LeaseNotFound(_))) => break Err(error),
                // The time that is left may be enough for another attempt.
                Some(Err(_)) => {}
            }
            clock.sleep((ttl / RENEWALS).min(until - clock.now())).await;
        };
        self.standing.led_by(None);
        outcome
    }

    /// Waits until the leader's key may be gone; keeps the own lease meanwhile.
    async fn wait_for_end(&self, at: Revision, lease: Option<LeaseId>) -> Result<(), Error> {
        let from = etcd::WatchOptions::new().with_start_revision(at.0 + 1);
        let mut client = self.client.watch_client();
        let opened = client.watch(self.space.leader(), Some(from));
        let mut stream = self.within_time(opened).await?;
        let pause = self.options.leader_ttl / RENEWALS;
        loop {
            match timeout(&*self.options.clock, pause, stream.message()).await {
                Some(Ok(Some(message))) if message.events().is_empty() && !message.canceled() => {}
                Some(Ok(_)) => return Ok(()),
                Some(Err(error)) => return Err(refusal(error).into()),
                None => {
                    if let Some(lease) = lease {
                        leases::keep_alive(self.client.lease_client(), lease).await?;
                    }
                }
            }
        }
    }
}

fn holder(kvs: &[etcd::KeyValue], at: Revision) -> Option<Holder> {
    let kv = kvs.first()?;
    let member = kv.value_str().ok()?.parse().ok()?;
    let term = Term(kv.create_revision().unsigned_abs());
    Some(Holder { member: MemberId(member), term, lease: LeaseId(kv.lease()), at })
}
