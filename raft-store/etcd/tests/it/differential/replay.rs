//! The same watches of the past on both: the same events in the same order, whole revisions.

use super::draw::Draw;
use crate::own::{Own, channel, soon};
use crate::stock::Stock;
use bytes::Bytes;
use futures::StreamExt;
use pb::watch_client::WatchClient;
use pb::watch_request::RequestUnion;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::proto::mvccpb::Event;
use std::net::SocketAddr;
use tonic::transport::Channel;

/// Watches compared at a time.
const WATCHES: u64 = 6;

/// What a watch told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    canceled: bool,
    reason: String,
    compacted: i64,
    created_at: i64,
    events: Vec<Event>,
}

impl Draw {
    fn watch(&mut self) -> pb::WatchCreateRequest {
        self.watched += 1;
        let key: &[u8] =
            [&b"a"[..], b"b", b"ca", b"\0", b"\xff"][usize::try_from(self.below(5)).unwrap()];
        let end: &[u8] = match self.below(4) {
            0 => b"",
            1 => b"\0",
            _ => b"\xff\xff\xff\xff",
        };
        let filters = match self.below(6) {
            0 => vec![0],
            1 => vec![1],
            _ => Vec::new(),
        };
        pb::WatchCreateRequest {
            key: Bytes::copy_from_slice(key),
            range_end: Bytes::copy_from_slice(end),
            start_revision: self.revision(),
            filters,
            prev_kv: self.flip(),
            fragment: self.flip(),
            ..Default::default()
        }
    }
}

pub(super) async fn same_events(own: &Own, stock: &Stock, draw: &mut Draw, seed: u64, done: u64) {
    for _ in 0..WATCHES {
        let watch = draw.watch();
        let (ours, theirs) =
            tokio::join!(told(own.addr, watch.clone()), told(stock.addr, watch.clone()));
        assert_eq!(ours, theirs, "seed {seed}, {done} operations, {watch:?}");
        draw.learn(ours.created_at + 2);
    }
}

/// Everything from the start of a watch up to the last of two changes that are made for it. On a
/// connection of its own: the client's HTTP/2 library counts what arrives for a stream that it has
/// given up against the whole connection.
async fn told(addr: SocketAddr, watch: pb::WatchCreateRequest) -> Told {
    let channel = &channel(addr).await;
    let key = watch.key.clone();
    let create =
        pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(watch.clone())) };
    let requests = futures::stream::iter([create]).chain(futures::stream::pending());
    let mut client = WatchClient::new(channel.clone()).max_decoding_message_size(usize::MAX);
    let mut answers = client.watch(requests).await.unwrap().into_inner();
    let created = soon(answers.message()).await.unwrap().unwrap();
    assert!(created.created && created.watch_id <= 0);
    // Read meanwhile: a client that leaves too many small frames unread loses its connection.
    let mut marked = std::pin::pin!(mark(channel, key, watch.filters == [1]));
    let mut last = None;
    let mut told = Told {
        canceled: created.canceled,
        reason: created.cancel_reason.clone(),
        created_at: created.header.unwrap().revision,
        ..Told::default()
    };
    let mut fragments = false;
    while last.is_none()
        || !told.canceled && last.is_some_and(|last| revision(told.events.last()) < last)
    {
        let answer = tokio::select! {
            at = &mut marked, if last.is_none() => {
                last = Some(at);
                continue;
            }
            answer = soon(answers.message()), if !told.canceled => answer.unwrap().unwrap(),
        };
        told.canceled = answer.canceled;
        told.reason = answer.cancel_reason;
        told.compacted = answer.compact_revision;
        let next = revision(answer.events.first());
        let split = revision(told.events.last()) == next && !fragments && next > 0;
        assert!(!split, "one revision in two answers: {watch:?}");
        fragments = answer.fragment;
        told.events.extend(answer.events);
    }
    told
}

fn revision(event: Option<&Event>) -> i64 {
    event.and_then(|event| event.kv.as_ref()).map_or(0, |kv| kv.mod_revision)
}

/// Writes and deletes a key; gives the revision of the last change that is not filtered.
async fn mark(channel: &Channel, key: Bytes, puts_only: bool) -> i64 {
    let mut kv = pb::kv_client::KvClient::new(channel.clone());
    let put = pb::PutRequest { key: key.clone(), value: "mark".into(), ..Default::default() };
    let put = kv.put(put).await.unwrap().into_inner().header.unwrap().revision;
    let delete = pb::DeleteRangeRequest { key, ..Default::default() };
    let deleted = kv.delete_range(delete).await.unwrap().into_inner().header.unwrap().revision;
    if puts_only { put } else { deleted }
}
