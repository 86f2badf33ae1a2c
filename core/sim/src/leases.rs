//! Holders of leases: grant, attach keys, keep alive for a while, then let go or revoke.

use crate::clients::{ask, value};
use crate::cluster::Cluster;
use crate::history::{History, LeaseRecord, Request};
use bytes::Bytes;
use quorate_seams::SharedRandom;
use quorate_store::{Error, Op, PutOp, Store, Txn};
use quorate_types::LeaseId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One holder.
pub(crate) struct Holder {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) history: History,
    pub(crate) random: SharedRandom,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) name: u64,
}

impl Holder {
    /// Holds one lease after the other until told to stop.
    pub(crate) async fn run(self) {
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            number += 1;
            if let Some(lease) = self.grant(number).await {
                self.hold(lease).await;
            }
            let pause = 5 + self.random.below(200);
            self.cluster.clock.sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn grant(&self, number: u64) -> Option<usize> {
        let (member, core, _) = self.cluster.any(&*self.random)?;
        let asked = match self.random.below(3) {
            0 => LeaseId::NONE,
            _ => LeaseId(i64::try_from(self.name * 10_000 + number).unwrap_or(1)),
        };
        let ttl = Duration::from_secs(1 + self.random.below(2));
        let assured_at = self.cluster.control.now();
        let granted =
            ask(&self.cluster, member, async move { core.lease_grant(asked, ttl).await }).await;
        let granted = granted.ok()?;
        let mut recorded = self.history.lock();
        recorded.leases.push(LeaseRecord {
            id: granted.id,
            ttl: granted.ttl,
            keys: Vec::new(),
            assured_at,
            renewals: Vec::new(),
            revoked: false,
        });
        Some(recorded.leases.len() - 1)
    }

    async fn hold(&self, lease: usize) {
        for part in 0..1 + self.random.below(3) {
            self.attach(lease, part).await;
        }
        let ttl = self.history.lock().leases[lease].ttl;
        let beats = self.random.below(8);
        for _ in 0..beats {
            if self.stop.load(Ordering::Relaxed) || !self.renew(lease).await {
                return;
            }
            // Some holders come at the last moment, or just after it.
            let late =
                ttl - Duration::from_millis(30) + Duration::from_millis(self.random.below(120));
            let nap = if self.random.below(4) == 0 { late } else { ttl / 3 };
            self.cluster.clock.sleep(nap).await;
        }
        if self.random.below(4) == 0 {
            self.revoke(lease).await;
        }
    }

    async fn attach(&self, lease: usize, part: u64) {
        let Some((member, core, incarnation)) = self.cluster.any(&*self.random) else { return };
        let key: Bytes = format!("l{}-{lease}-{part}", self.name).into();
        let number = self.history.next_number();
        let id = {
            let mut recorded = self.history.lock();
            recorded.leases[lease].keys.push(key.clone());
            recorded.leases[lease].id
        };
        let value = value(number, 0);
        let txn = Txn::ops([Op::Put(PutOp { key, value, lease: id, ..PutOp::default() })]);
        let request = Request::Txn(txn);
        self.history.invoke(member, incarnation, request.clone());
        let answer = crate::clients::perform(&self.cluster, member, core, request).await;
        self.history.answer(number, answer);
    }

    /// False once the lease is gone.
    async fn renew(&self, lease: usize) -> bool {
        let Some((member, core, _)) = self.cluster.any(&*self.random) else { return true };
        let (id, asked) = {
            let mut recorded = self.history.lock();
            (recorded.leases[lease].id, recorded.tick())
        };
        let asked_at = self.cluster.control.now();
        let renewed =
            ask(&self.cluster, member, async move { core.lease_keep_alive(id).await }).await;
        match renewed {
            Ok(_) => {
                let mut recorded = self.history.lock();
                let record = &mut recorded.leases[lease];
                record.assured_at = record.assured_at.max(asked_at);
                record.renewals.push(asked);
                true
            }
            Err(Error::LeaseNotFound(_)) => false,
            Err(_) => true,
        }
    }

    async fn revoke(&self, lease: usize) {
        let Some((member, core, _)) = self.cluster.any(&*self.random) else { return };
        let id = {
            let mut recorded = self.history.lock();
            recorded.leases[lease].revoked = true;
            recorded.leases[lease].id
        };
        // Whatever comes of it: the lease ends one way or another.
        let _ = ask(&self.cluster, member, async move { core.lease_revoke(id).await }).await;
    }
}
