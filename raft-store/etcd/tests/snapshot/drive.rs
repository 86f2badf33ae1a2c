//! Random requests: few keys, so that they meet; values that need pages of their own; leases,
//! deletions and compactions.

use crate::client::Client;
use bytes::Bytes;
use quorate_etcd::proto::etcdserverpb as pb;

/// Numbers that follow from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn key(&mut self) -> Bytes {
        format!("key/{:02}", self.roll(14)).into()
    }

    fn value(&mut self) -> Bytes {
        let length = match self.roll(12) {
            0 => 4000 + self.roll(9000),
            _ => self.roll(40),
        };
        vec![b'a' + u8::try_from(self.roll(26)).unwrap(); usize::try_from(length).unwrap()].into()
    }

    fn lease(&mut self) -> i64 {
        i64::try_from(1000 + self.roll(5)).unwrap()
    }

    fn put(&mut self) -> pb::PutRequest {
        let lease = if self.roll(3) == 0 { self.lease() } else { 0 };
        pb::PutRequest { key: self.key(), value: self.value(), lease, ..Default::default() }
    }

    fn delete(&mut self) -> pb::DeleteRangeRequest {
        let (key, other) = (self.key(), self.key());
        let range_end = if self.roll(4) == 0 && other > key { other } else { Bytes::new() };
        pb::DeleteRangeRequest { key, range_end, ..Default::default() }
    }

    /// Several keys changed at one revision.
    fn txn(&mut self) -> pb::TxnRequest {
        use pb::request_op::Request;
        let mut keys = std::collections::BTreeSet::new();
        let mut ops = Vec::new();
        for _ in 0..=self.roll(4) {
            let put = self.put();
            if keys.insert(put.key.clone()) {
                let request = match self.roll(3) {
                    0 => Request::RequestDeleteRange(pb::DeleteRangeRequest {
                        key: put.key,
                        ..Default::default()
                    }),
                    _ => Request::RequestPut(put),
                };
                ops.push(pb::RequestOp { request: Some(request) });
            }
        }
        pb::TxnRequest { success: ops, ..Default::default() }
    }
}

/// Sends requests, of which some are refused: the code of every answer.
pub(crate) async fn drive(client: &mut Client, seed: u64, requests: usize) -> Vec<tonic::Code> {
    let mut dice = Dice::new(seed);
    let mut codes = Vec::new();
    let mut revision = 1;
    for _ in 0..requests {
        let answer = match dice.roll(20) {
            0..=8 => client.kv.put(dice.put()).await.map(|put| put.into_inner().header),
            9..=12 => {
                client.kv.delete_range(dice.delete()).await.map(|gone| gone.into_inner().header)
            }
            13..=15 => client.kv.txn(dice.txn()).await.map(|txn| txn.into_inner().header),
            16 => {
                let request = pb::LeaseRevokeRequest { id: dice.lease() };
                client.lease.lease_revoke(request).await.map(|lease| lease.into_inner().header)
            }
            17 | 18 => {
                let request = pb::LeaseGrantRequest { id: dice.lease(), ttl: 5000 };
                client.lease.lease_grant(request).await.map(|lease| lease.into_inner().header)
            }
            _ => {
                let back = i64::try_from(dice.roll(8)).unwrap();
                let request = pb::CompactionRequest { revision: revision - back, physical: true };
                client.kv.compact(request).await.map(|compaction| compaction.into_inner().header)
            }
        };
        if let Ok(Some(header)) = &answer {
            revision = header.revision;
        }
        codes.push(answer.map_or_else(|status| status.code(), |_| tonic::Code::Ok));
    }
    codes
}
