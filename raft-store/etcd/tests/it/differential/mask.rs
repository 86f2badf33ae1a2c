//! Takes out of answers what differs between any two clusters.

use pb::response_op::Response as Op;
use quorate_etcd::proto::etcdserverpb as pb;

fn header(header: &mut Option<pb::ResponseHeader>) -> i64 {
    let Some(header) = header else { return 0 };
    header.cluster_id = 0;
    header.member_id = 0;
    header.raft_term = 0;
    header.revision
}

/// An answer without who gave it; gives its revision.
pub(crate) trait Mask {
    fn mask(&mut self) -> i64;
}

macro_rules! by_header {
    ($($answer:ident),*) => {
        $(impl Mask for pb::$answer {
            fn mask(&mut self) -> i64 {
                header(&mut self.header)
            }
        })*
    };
}

by_header!(
    PutResponse,
    RangeResponse,
    DeleteRangeResponse,
    CompactionResponse,
    LeaseGrantResponse,
    LeaseRevokeResponse,
    LeaseKeepAliveResponse
);

impl Mask for pb::TxnResponse {
    fn mask(&mut self) -> i64 {
        for response in &mut self.responses {
            match &mut response.response {
                Some(Op::ResponseRange(one)) => one.mask(),
                Some(Op::ResponsePut(one)) => one.mask(),
                Some(Op::ResponseDeleteRange(one)) => one.mask(),
                Some(Op::ResponseTxn(one)) => one.mask(),
                None => 0,
            };
        }
        header(&mut self.header)
    }
}

impl Mask for pb::LeaseTimeToLiveResponse {
    fn mask(&mut self) -> i64 {
        // What is left depends on when it was asked.
        self.ttl = self.ttl.signum();
        self.keys.sort();
        header(&mut self.header)
    }
}

impl Mask for pb::LeaseLeasesResponse {
    fn mask(&mut self) -> i64 {
        // etcd sorts them by when they end.
        self.leases.sort_by_key(|lease| lease.id);
        header(&mut self.header)
    }
}
