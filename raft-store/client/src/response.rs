//! etcd's answers in the store's words. Pure.

use crate::keyspace::Keyspace;
use bytes::Bytes;
use etcd_client as etcd;
use quorate_store::{
    KeyValue, Op, OpResponse, RangeRequest, RangeResponse, Sort, SortTarget, Txn, TxnResponse,
};
use quorate_types::{LeaseId, Revision};

/// The revision that an answer tells.
pub(crate) fn revision(header: Option<&etcd::ResponseHeader>) -> Revision {
    header.map_or(Revision::NONE, |header| Revision(header.revision()))
}

/// One key; those of others keep their whole name, and are nowhere asked for.
pub(crate) fn key_value(space: &Keyspace, kv: &etcd::KeyValue) -> KeyValue {
    KeyValue {
        key: space.strip(kv.key()).unwrap_or_else(|| Bytes::copy_from_slice(kv.key())),
        value: Bytes::copy_from_slice(kv.value()),
        create_revision: Revision(kv.create_revision()),
        mod_revision: Revision(kv.mod_revision()),
        version: kv.version(),
        lease: LeaseId(kv.lease()),
    }
}

fn key_values(space: &Keyspace, kvs: &[etcd::KeyValue]) -> Vec<KeyValue> {
    kvs.iter().map(|kv| key_value(space, kv)).collect()
}

/// The answer to a read, as of a revision.
pub(crate) fn range(
    space: &Keyspace,
    asked: &RangeRequest,
    got: &etcd::GetResponse,
    revision: Revision,
) -> RangeResponse {
    let mut kvs = key_values(space, got.kvs());
    let values_left_out = |sort: &Sort| asked.keys_only && sort.target == SortTarget::Value;
    if let Some(sort) = asked.sort.filter(|sort| !values_left_out(sort)) {
        // etcd leaves open in which order equal ones come.
        kvs.sort_by(|a, b| sort.relate(a, b).then_with(|| a.key.cmp(&b.key)));
    }
    let count = u64::try_from(got.count()).unwrap_or(0);
    RangeResponse { revision, kvs, count, more: got.more() }
}

/// The answer to a transaction that left the store at a revision.
pub(crate) fn txn(
    space: &Keyspace,
    asked: &Txn,
    got: &etcd::TxnResponse,
    after: Revision,
) -> TxnResponse {
    let before = if changes(got) { after.prev() } else { after };
    Reader { space, now: before, changed: after }.txn(asked, got)
}

fn changes(got: &etcd::TxnResponse) -> bool {
    got.op_responses().iter().any(|one| match one {
        etcd::TxnOpResponse::Put(_) => true,
        etcd::TxnOpResponse::Delete(deleted) => deleted.deleted() > 0,
        etcd::TxnOpResponse::Get(_) => false,
        etcd::TxnOpResponse::Txn(nested) => changes(nested),
    })
}

/// Reads the answers of a transaction's steps in their order: the revision grows with the first that
/// changes a key.
struct Reader<'a> {
    space: &'a Keyspace,
    now: Revision,
    changed: Revision,
}

impl Reader<'_> {
    fn txn(&mut self, asked: &Txn, got: &etcd::TxnResponse) -> TxnResponse {
        let succeeded = got.succeeded();
        let branch = if succeeded { &asked.success } else { &asked.failure };
        let steps = branch.iter().zip(got.op_responses());
        let responses = steps.map(|(op, got)| self.step(op, &got)).collect();
        TxnResponse { revision: self.now, succeeded, responses }
    }

    fn step(&mut self, asked: &Op, got: &etcd::TxnOpResponse) -> OpResponse {
        match got {
            etcd::TxnOpResponse::Get(got) => {
                let whole = RangeRequest::new(quorate_store::KeyRange::all());
                let asked = if let Op::Range(asked) = asked { asked } else { &whole };
                OpResponse::Range(range(self.space, asked, got, self.now))
            }
            etcd::TxnOpResponse::Put(got) => {
                self.now = self.changed;
                OpResponse::Put { prev_kv: got.prev_key().map(|kv| key_value(self.space, kv)) }
            }
            etcd::TxnOpResponse::Delete(got) => {
                let deleted = u64::try_from(got.deleted()).unwrap_or(0);
                if deleted > 0 {
                    self.now = self.changed;
                }
                OpResponse::Delete { deleted, prev_kvs: key_values(self.space, got.prev_kvs()) }
            }
            etcd::TxnOpResponse::Txn(got) => {
                let nothing = Txn::default();
                let asked = if let Op::Txn(asked) = asked { asked } else { &nothing };
                OpResponse::Txn(self.txn(asked, got))
            }
        }
    }
}
