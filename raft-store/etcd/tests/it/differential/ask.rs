//! Asks one of the two, and makes a text of what it says.

use super::draw::Operation;
use super::mask::Mask;
use pb::kv_client::KvClient;
use pb::lease_client::LeaseClient;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::proto::mvccpb::KeyValue;
use std::fmt::Debug;
use tonic::transport::Channel;
use tonic::{Response, Status};

/// One server with its clients.
pub(crate) struct Asked {
    kv: KvClient<Channel>,
    lease: LeaseClient<Channel>,
}

/// What it said.
pub(crate) struct Said {
    pub(crate) text: String,
    /// The revision in the header; 0 of a failure.
    pub(crate) revision: i64,
}

fn said<T: Mask + Debug>(answer: Result<Response<T>, Status>) -> Said {
    match answer {
        Ok(answer) => {
            let mut answer = answer.into_inner();
            let revision = answer.mask();
            Said { text: format!("{answer:?}"), revision }
        }
        Err(status) => {
            let text = format!("{:?}: {}", status.code(), status.message());
            Said { text, revision: 0 }
        }
    }
}

/// Puts keys that tie in an order: etcd leaves them in any.
fn settle(range: &mut pb::RangeResponse, target: i32) {
    let tie = |a: &KeyValue, b: &KeyValue| match target {
        1 => a.version == b.version,
        2 => a.create_revision == b.create_revision,
        3 => a.mod_revision == b.mod_revision,
        4 => a.value == b.value,
        _ => false,
    };
    for ties in range.kvs.chunk_by_mut(tie) {
        ties.sort_by(|a, b| a.key.cmp(&b.key));
    }
}

impl Asked {
    pub(crate) fn new(channel: Channel) -> Self {
        let kv = KvClient::new(channel.clone()).max_decoding_message_size(usize::MAX);
        Self { kv, lease: LeaseClient::new(channel) }
    }

    pub(crate) async fn ask(&mut self, operation: Operation) -> Said {
        match operation {
            Operation::Put(put) => said(self.kv.put(put).await),
            Operation::Range(range) => {
                let target = range.sort_target;
                let mut answer = self.kv.range(range).await;
                if let Ok(answer) = &mut answer {
                    settle(answer.get_mut(), target);
                }
                said(answer)
            }
            Operation::Delete(delete) => said(self.kv.delete_range(delete).await),
            Operation::Txn(txn) => said(self.kv.txn(txn).await),
            Operation::Compact(compact) => said(self.kv.compact(compact).await),
            Operation::Grant(grant) => said(self.lease.lease_grant(grant).await),
            Operation::Revoke(revoke) => said(self.lease.lease_revoke(revoke).await),
            Operation::TimeToLive(ask) => said(self.lease.lease_time_to_live(ask).await),
            Operation::Leases => said(self.lease.lease_leases(pb::LeaseLeasesRequest {}).await),
            Operation::KeepAlive(renew) => said(self.renew(renew).await),
        }
    }

    async fn renew(
        &mut self,
        renew: pb::LeaseKeepAliveRequest,
    ) -> Result<Response<pb::LeaseKeepAliveResponse>, Status> {
        let answers = self.lease.lease_keep_alive(tokio_stream::iter([renew])).await?;
        let answer = answers.into_inner().message().await?;
        answer.map(Response::new).ok_or_else(|| Status::unknown("no answer"))
    }
}
