//! Clients that read and write the keys `k0`, `k1`, … at any member.
//!
//! Every value is the number of the operation that wrote it, so that each can be found again.

use crate::cluster::Cluster;
use crate::history::{Answer, History, Request};
use crate::net::host_of;
use crate::observe::position;
use bytes::Bytes;
use quorate_member::Core;
use quorate_seams::{SharedRandom, timeout};
use quorate_store::{
    Certainty, Compare, CompareOp, CompareTarget, Error, KeyRange, Op, OpResponse, PutOp,
    RangeRequest, RequestId, Store, Txn,
};
use quorate_types::{LeaseId, MemberId, Revision};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a request of unknown outcome that has a name is sent again.
const REPEATS: u64 = 3;

/// One client.
pub(crate) struct Client {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) history: History,
    pub(crate) random: SharedRandom,
    pub(crate) stop: Arc<AtomicBool>,
    /// The last values and revisions seen, for compares that have a chance.
    pub(crate) seen: BTreeMap<Bytes, (Bytes, Revision)>,
}

fn key(number: u64) -> Bytes {
    format!("k{number}").into()
}

/// The value that an operation writes.
pub(crate) fn value(operation: usize, part: usize) -> Bytes {
    format!("{operation}.{part}").into()
}

/// The operation that wrote a value.
pub(crate) fn writer(value: &[u8]) -> Option<usize> {
    std::str::from_utf8(value).ok()?.split_once('.')?.0.parse().ok()
}

/// Asks a member, from its host; what it does not answer in time is unknown.
pub(crate) async fn ask<T, F>(cluster: &Cluster, id: MemberId, request: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let patience = cluster.plan.request_timeout + Duration::from_millis(300);
    let asked = cluster.control.spawn_on(host_of(id), request);
    match timeout(&*cluster.clock, patience, asked).await {
        Some(Ok(answer)) => answer,
        Some(Err(_)) | None => Err(Error::Timeout),
    }
}

impl Client {
    /// Asks one thing after the other until told to stop.
    pub(crate) async fn run(mut self) {
        let mut home = None;
        while !self.stop.load(Ordering::Relaxed) {
            let think = u64::try_from(self.cluster.plan.think.as_micros()).unwrap_or(0);
            self.cluster.clock.sleep(Duration::from_micros(self.random.below(think))).await;
            let kept = home.and_then(|id| Some((id, self.cluster.core(id)?)));
            let chosen = match kept {
                Some((id, (core, incarnation))) if self.random.below(20) > 0 => {
                    Some((id, core, incarnation))
                }
                _ => self.cluster.any(&*self.random),
            };
            let Some((id, core, incarnation)) = chosen else { continue };
            home = Some(id);
            let number = self.history.next_number();
            let request = self.request(number);
            self.history.invoke(id, incarnation, request.clone());
            let mut answer = perform(&self.cluster, id, core, request.clone()).await;
            if matches!(answer, Answer::Unknown) {
                answer = self.repeat(&request).await;
            }
            if matches!(answer, Answer::Unknown) {
                home = None;
            }
            self.learn(&answer);
            self.history.answer(number, answer);
        }
    }

    /// Sends a request that has a name again, anywhere, for a while: somebody may still know what came
    /// of it. A refusal is one of the repetition alone.
    async fn repeat(&self, request: &Request) -> Answer {
        let named = matches!(request, Request::Txn(txn) if txn.request_id.is_some());
        for _ in 0..if named { REPEATS } else { 0 } {
            self.cluster.clock.sleep(Duration::from_millis(self.random.below(200))).await;
            let Some((id, core, _)) = self.cluster.any(&*self.random) else { continue };
            match perform(&self.cluster, id, core, request.clone()).await {
                Answer::Unknown | Answer::Refused(_) => {}
                answer => return answer,
            }
        }
        Answer::Unknown
    }

    fn learn(&mut self, answer: &Answer) {
        let ranges: Vec<_> = match answer {
            Answer::Range(range) => vec![range],
            Answer::Txn(txn) => txn
                .responses
                .iter()
                .filter_map(|response| match response {
                    OpResponse::Range(range) => Some(range),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        for kv in ranges.into_iter().flat_map(|range| &range.kvs) {
            self.seen.insert(kv.key.clone(), (kv.value.clone(), kv.mod_revision));
        }
    }

    fn any_key(&self) -> Bytes {
        key(self.random.below(self.cluster.plan.keys))
    }

    fn any_range(&self) -> KeyRange {
        let from = self.random.below(self.cluster.plan.keys);
        match self.random.below(4) {
            0 => KeyRange::prefix("k"),
            1 => KeyRange::Span(key(from), key(from + 2)),
            _ => KeyRange::Key(key(from)),
        }
    }

    fn request(&self, number: usize) -> Request {
        match self.anonymous(number) {
            Request::Txn(txn) if self.random.below(3) == 0 => {
                let [high, low] = [(); 2].map(|()| u128::from(self.random.next_u64()));
                Request::Txn(txn.identified(RequestId(high << 64 | low)))
            }
            request => request,
        }
    }

    fn anonymous(&self, number: usize) -> Request {
        match self.random.below(100) {
            0..33 => Request::Txn(Txn::put(self.any_key(), value(number, 0))),
            33..40 => Request::Txn(Txn::delete(self.any_key())),
            40..43 => {
                let range = self.any_range();
                Request::Txn(Txn::ops([Op::Delete { range, prev_kv: true }]))
            }
            43..58 => Request::Txn(self.compare_and_set(number)),
            58..66 => Request::Txn(self.several(number)),
            66..86 => Request::Range(RangeRequest::new(self.any_range())),
            86..92 => Request::Range(RangeRequest::new(self.any_range()).serializable()),
            _ => Request::Range(self.at_revision()),
        }
    }

    fn at_revision(&self) -> RangeRequest {
        let now = position(&self.history);
        let back = i64::try_from(self.random.below(60)).unwrap_or(0);
        let at = match self.random.below(4) {
            0 => self.history.newest_compaction(),
            _ => Revision(now.0 - back),
        };
        let request = RangeRequest::new(self.any_range()).at(at.max(Revision(1)));
        let request = request.limit(usize::try_from(self.random.below(3)).unwrap_or(0));
        if self.random.below(2) == 0 { request.serializable() } else { request }
    }

    fn compare_and_set(&self, number: usize) -> Txn {
        let key = self.any_key();
        let put = Op::put(key.clone(), value(number, 0));
        let read = Op::Range(RangeRequest::key(key.clone()));
        let range = KeyRange::Key(key.clone());
        let compare = match self.seen.get(&key) {
            None => Compare::absent(key),
            Some((value, revision)) => match self.random.below(4) {
                0 => Compare::mod_revision(key, *revision),
                1 => Compare {
                    range,
                    op: CompareOp::Less,
                    target: CompareTarget::ModRevision(revision.next()),
                },
                2 => Compare::present(key),
                _ => {
                    let target = CompareTarget::Value(value.clone());
                    Compare { range, op: CompareOp::Equal, target }
                }
            },
        };
        Txn::ops([put]).when(compare).otherwise([read])
    }

    /// A transaction within one that has written another key: it writes a key whatever its compare on
    /// the other gives, which must be true of the value before.
    fn nested(&self, other: Bytes, key: Bytes, value: Bytes) -> Op {
        let put = Op::put(key, value);
        let read = Op::Range(RangeRequest::key(other.clone()));
        let compare = match self.seen.get(&other) {
            Some((_, revision)) => Compare::mod_revision(other, *revision),
            None => Compare::absent(other),
        };
        Op::Txn(Txn::ops([put.clone()]).when(compare).otherwise([read, put]))
    }

    /// Writes of several keys with a read that sees them.
    fn several(&self, number: usize) -> Txn {
        let keys = self.cluster.plan.keys;
        let first = self.random.below(keys);
        let second = (first + 1 + self.random.below(keys - 1)) % keys;
        let mut ops = vec![Op::Put(PutOp {
            key: key(first),
            value: value(number, 0),
            lease: LeaseId::NONE,
            prev_kv: true,
            ..PutOp::default()
        })];
        ops.push(match self.random.below(3) {
            0 => Op::put(key(second), value(number, 1)),
            1 => self.nested(key(first), key(second), value(number, 1)),
            _ => Op::Delete { range: KeyRange::Key(key(second)), prev_kv: true },
        });
        ops.push(Op::Range(RangeRequest::prefix("k")));
        let whole = Compare {
            range: KeyRange::prefix("k"),
            op: CompareOp::Greater,
            target: CompareTarget::Version(i64::try_from(self.random.below(4)).unwrap_or(0)),
        };
        let txn = Txn::ops(ops);
        if self.random.below(2) == 0 { txn.when(whole) } else { txn }
    }
}

/// Sends a request to a member and says what came of it.
pub(crate) async fn perform(
    cluster: &Cluster,
    id: MemberId,
    core: Core,
    request: Request,
) -> Answer {
    let asked = ask(cluster, id, async move {
        Ok(match request {
            Request::Txn(txn) => Answer::Txn(core.txn(txn).await?),
            Request::Range(range) => Answer::Range(core.range(range).await?),
            Request::Compact(revision) => {
                core.compact(revision).await?;
                Answer::Compacted
            }
        })
    });
    match asked.await {
        Ok(answer) => answer,
        Err(error) if error.certainty() == Certainty::Unknown => Answer::Unknown,
        Err(error) => Answer::Refused(error),
    }
}

/// Compacts what the main observer has seen, again and again.
pub(crate) async fn compactor(
    cluster: Arc<Cluster>,
    history: History,
    random: SharedRandom,
    stop: Arc<AtomicBool>,
) {
    let every = u64::try_from(cluster.plan.compact_every.as_millis()).unwrap_or(1);
    while !stop.load(Ordering::Relaxed) {
        cluster.clock.sleep(Duration::from_millis(every / 2 + random.below(every))).await;
        let back = i64::try_from(random.below(60)).unwrap_or(0);
        let back = if random.below(3) == 0 { 0 } else { back };
        let revision = Revision(position(&history).0 - back);
        let Some((id, core, incarnation)) = cluster.any(&*random) else { continue };
        if revision.0 < 2 {
            continue;
        }
        let request = Request::Compact(revision);
        let number = history.invoke(id, incarnation, request.clone());
        let answer = perform(&cluster, id, core, request).await;
        history.answer(number, answer);
    }
}
