//! The calls that benches make, and their messages.

use prost::Message;
use quorate_etcd::proto::etcdserverpb as pb;

/// Bytes of a value, as in every figure.
pub(crate) const VALUE_BYTES: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Put,
    Range,
    RangeStream,
    Txn,
    Watch,
    LeaseGrant,
    LeaseKeepAlive,
}

impl Method {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Put => "/etcdserverpb.KV/Put",
            Self::Range => "/etcdserverpb.KV/Range",
            Self::RangeStream => "/etcdserverpb.KV/RangeStream",
            Self::Txn => "/etcdserverpb.KV/Txn",
            Self::Watch => "/etcdserverpb.Watch/Watch",
            Self::LeaseGrant => "/etcdserverpb.Lease/LeaseGrant",
            Self::LeaseKeepAlive => "/etcdserverpb.Lease/LeaseKeepAlive",
        }
    }
}

/// xorshift64*: numbers that look random, at almost no cost.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The name of a key; all have the same length.
pub(crate) fn key(number: u64) -> String {
    format!("/bench/{number:012}")
}

/// A put that is encoded once and changed in place.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    bytes: Vec<u8>,
    random: Random,
}

/// Field number and length of the key come first.
const KEY_AT: usize = 2;
const DIGITS_AT: usize = KEY_AT + "/bench/".len();
const KEY_END: usize = DIGITS_AT + 12;

impl Put {
    pub(crate) fn new(seed: u64) -> Self {
        let value = vec![0; VALUE_BYTES].into();
        let put = pb::PutRequest { key: key(0).into(), value, ..Default::default() };
        Self { bytes: put.encode_to_vec(), random: Random::new(seed) }
    }

    /// The message that puts a fresh value to a key.
    pub(crate) fn message(&mut self, key: u64) -> &[u8] {
        let value = self.bytes.len() - VALUE_BYTES;
        self.random.fill(&mut self.bytes[value..]);
        digits(key, &mut self.bytes[DIGITS_AT..KEY_END]);
        &self.bytes
    }

    pub(crate) fn random(&mut self) -> u64 {
        self.random.next()
    }
}

fn digits(mut number: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// One transaction that puts fresh values of some size to keys.
pub(crate) fn put_txn(keys: std::ops::Range<u64>, bytes: usize, random: &mut Random) -> Vec<u8> {
    let put = |number| {
        let mut value = vec![0; bytes];
        random.fill(&mut value);
        let put =
            pb::PutRequest { key: key(number).into(), value: value.into(), ..Default::default() };
        pb::RequestOp { request: Some(pb::request_op::Request::RequestPut(put)) }
    };
    pb::TxnRequest { success: keys.map(put).collect(), ..Default::default() }.encode_to_vec()
}

/// A linearizable read of one key.
pub(crate) fn range(number: u64) -> Vec<u8> {
    pb::RangeRequest { key: key(number).into(), ..Default::default() }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_changed_in_place_is_a_put() {
        let mut put = Put::new(7);
        let first = pb::PutRequest::decode(put.message(1234)).unwrap();
        assert_eq!(first.key, key(1234));
        let second = pb::PutRequest::decode(put.message(999_999_999_999)).unwrap();
        assert_eq!(second.key, key(999_999_999_999));
        assert_eq!(second.value.len(), VALUE_BYTES);
        assert_ne!(first.value, second.value);
    }
}
