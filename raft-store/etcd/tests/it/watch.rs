//! Watches as clients of etcd know them.

use crate::own::{Own, soon};
use pb::watch_request::RequestUnion;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::proto::mvccpb;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

/// One stream of the Watch service.
struct Stream {
    requests: mpsc::UnboundedSender<pb::WatchRequest>,
    answers: Streaming<pb::WatchResponse>,
}

impl Stream {
    async fn open(own: &Own) -> Self {
        let (requests, sent) = mpsc::unbounded_channel();
        let sent = UnboundedReceiverStream::new(sent);
        let mut client = own.watch().max_decoding_message_size(usize::MAX);
        let answers = client.watch(sent).await.unwrap().into_inner();
        Self { requests, answers }
    }

    fn ask(&self, request: RequestUnion) {
        self.requests.send(pb::WatchRequest { request_union: Some(request) }).unwrap();
    }

    async fn next(&mut self) -> pb::WatchResponse {
        soon(self.answers.message()).await.unwrap().unwrap()
    }

    /// Asks for a watch; gives the answer to that.
    async fn create(&mut self, create: pb::WatchCreateRequest) -> pb::WatchResponse {
        self.ask(RequestUnion::CreateRequest(create));
        self.next().await
    }
}

fn on(key: &str) -> pb::WatchCreateRequest {
    pb::WatchCreateRequest { key: key.to_owned().into(), ..Default::default() }
}

fn revision(answer: &pb::WatchResponse) -> i64 {
    answer.header.as_ref().unwrap().revision
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_count_from_zero_on_each_stream_and_refusals_say_why() {
    let own = Own::start().await;
    for _ in 0..2 {
        let mut stream = Stream::open(&own).await;
        for id in 0..2 {
            let created = stream.create(on("k")).await;
            assert!(created.created && !created.canceled);
            assert_eq!((created.watch_id, revision(&created)), (id, 1));
        }
        let own_id = stream.create(pb::WatchCreateRequest { watch_id: 2, ..on("k") }).await;
        assert_eq!(own_id.watch_id, 2);
        assert_eq!(stream.create(on("k")).await.watch_id, 3, "numbers that are taken are left out");
        let empty = pb::WatchCreateRequest { range_end: "a".into(), ..on("k") };
        let negative = pb::WatchCreateRequest { start_revision: -1, ..on("k") };
        let twice = pb::WatchCreateRequest { watch_id: 2, ..on("k") };
        for (create, reason) in [
            (twice, "mvcc: duplicate watch ID provided on the WatchStream"),
            (empty, "mvcc: watcher range is empty"),
            (negative, "etcdserver: mvcc: required revision has been compacted"),
        ] {
            let refused = stream.create(create).await;
            assert!(refused.created && refused.canceled);
            assert_eq!((refused.watch_id, refused.cancel_reason.as_str()), (-1, reason));
        }
    }
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_is_cancelled_once_and_who_asks_no_more_still_listens() {
    let own = Own::start().await;
    let mut stream = Stream::open(&own).await;
    stream.create(on("a")).await;
    stream.create(on("b")).await;
    let cancel = |watch_id| RequestUnion::CancelRequest(pb::WatchCancelRequest { watch_id });
    for id in [77, 0, 0] {
        stream.ask(cancel(id));
    }
    stream.requests.send(pb::WatchRequest::default()).unwrap();
    let canceled = stream.next().await;
    assert!(canceled.canceled && canceled.watch_id == 0 && canceled.cancel_reason.is_empty());
    let Stream { requests, mut answers } = stream;
    drop(requests);
    own.put("a", "unwatched").await;
    own.put("b", "watched").await;
    let told = soon(answers.message()).await.unwrap().unwrap();
    assert_eq!((told.watch_id, told.events[0].kv.as_ref().unwrap().key.as_ref()), (1, &b"b"[..]));
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_comes_after_the_creation_and_what_is_compacted_is_said_once() {
    let own = Own::start().await;
    for value in ["1", "2", "3"] {
        own.put("k", value).await;
    }
    let mut stream = Stream::open(&own).await;
    let past = pb::WatchCreateRequest { start_revision: 2, prev_kv: true, ..on("k") };
    let created = stream.create(past.clone()).await;
    assert_eq!((created.created, revision(&created)), (true, 4));
    let mut events: Vec<mvccpb::Event> = Vec::new();
    while events.len() < 3 {
        events.extend(stream.next().await.events);
    }
    let previous: Vec<_> = events.iter().map(|event| event.prev_kv.as_ref()).collect();
    assert!(previous[0].is_none(), "a creation");
    assert_eq!(previous[1].unwrap().value, "1");
    own.kv().compact(pb::CompactionRequest { revision: 3, physical: true }).await.unwrap();
    let created = stream.create(past).await;
    assert!(created.created && !created.canceled);
    let lost = stream.next().await;
    assert!(lost.canceled && lost.cancel_reason.is_empty() && lost.events.is_empty());
    assert_eq!((lost.watch_id, lost.compact_revision), (created.watch_id, 3));
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_for_the_whole_stream_after_its_events() {
    let own = Own::start().await;
    let mut stream = Stream::open(&own).await;
    stream.create(on("k")).await;
    let last = own.put("k", "v").await;
    stream.ask(RequestUnion::ProgressRequest(pb::WatchProgressRequest {}));
    let told = stream.next().await;
    assert_eq!(told.events.len(), 1);
    let progress = stream.next().await;
    assert!(progress.events.is_empty() && !progress.canceled && !progress.created);
    assert_eq!((progress.watch_id, revision(&progress)), (-1, last));
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_revision_comes_whole_unless_fragments_were_asked_for() {
    let own = Own::start().await;
    let all = pb::WatchCreateRequest { range_end: "l".into(), ..on("k") };
    let fragments = pb::WatchCreateRequest { fragment: true, ..all.clone() };
    let (mut whole, mut parts) = (Stream::open(&own).await, Stream::open(&own).await);
    whole.create(all.clone()).await;
    parts.create(fragments).await;
    // Three revisions together are more than one message, and then one that is more alone.
    let large = |count: usize| {
        let put = |number: usize| pb::PutRequest {
            key: format!("k{number}").into(),
            value: vec![7; 700_000].into(),
            ..Default::default()
        };
        let op = |put| pb::RequestOp { request: Some(pb::request_op::Request::RequestPut(put)) };
        pb::TxnRequest { success: (0..count).map(put).map(op).collect(), ..Default::default() }
    };
    own.kv().txn(large(2)).await.unwrap();
    let range = pb::DeleteRangeRequest { key: "k".into(), range_end: "l".into(), prev_kv: false };
    let told = whole.next().await;
    assert_eq!((told.events.len(), told.fragment), (2, false));
    let told = parts.next().await;
    assert_eq!((told.events.len(), told.fragment), (2, false), "it fits into a message");
    for number in 2..4 {
        let put = pb::PutRequest {
            key: format!("k{number}").into(),
            value: vec![7; 700_000].into(),
            ..Default::default()
        };
        own.kv().put(put).await.unwrap();
        whole.next().await;
        parts.next().await;
    }
    let mut previous = Stream::open(&own).await;
    let with_previous = pb::WatchCreateRequest { fragment: true, prev_kv: true, ..all };
    previous.create(with_previous).await;
    own.kv().delete_range(range).await.unwrap();
    assert_eq!(whole.next().await.events.len(), 4);
    let (first, second) = (previous.next().await, previous.next().await);
    assert_eq!((first.events.len(), first.fragment), (2, true));
    assert_eq!((second.events.len(), second.fragment), (2, false));
    assert_eq!(revision(&first), revision(&second));
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_out_and_nobody_watches_nothing() {
    let own = Own::start().await;
    let mut stream = Stream::open(&own).await;
    let deletions =
        pb::WatchCreateRequest { filters: vec![0, 99], range_end: "\0".into(), ..on("") };
    assert!(!stream.create(deletions).await.canceled, "no key is the first key there can be");
    own.put("a", "1").await;
    let delete = pb::DeleteRangeRequest { key: "a".into(), ..Default::default() };
    own.kv().delete_range(delete).await.unwrap();
    let told = stream.next().await;
    assert_eq!(told.events.len(), 1);
    assert_eq!(told.events[0].r#type(), mvccpb::event::EventType::Delete);
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_behind_catches_up_in_few_messages() {
    const PUTS: i64 = 400;
    let own = Own::start().await;
    let mut kv = own.kv();
    for number in 0..PUTS {
        let put = pb::PutRequest { key: "k".into(), value: "v".into(), ..Default::default() };
        let answer = kv.put(put).await.unwrap().into_inner();
        assert_eq!(answer.header.unwrap().revision, number + 2);
    }
    let mut stream = Stream::open(&own).await;
    stream.create(pb::WatchCreateRequest { start_revision: 2, ..on("k") }).await;
    let (mut seen, mut messages) = (Vec::new(), 0);
    while seen.len() < usize::try_from(PUTS).unwrap() {
        let answer = stream.next().await;
        let revisions = answer.events.iter().map(|it| it.kv.as_ref().unwrap().mod_revision);
        seen.extend(revisions);
        assert_eq!(seen.last(), Some(&revision(&answer)), "up to where it tells");
        messages += 1;
    }
    assert_eq!(seen, (2..PUTS + 2).collect::<Vec<_>>(), "each once, in order");
    assert!(messages <= 4, "{PUTS} small revisions in {messages} messages");
    own.stop().await;
}
