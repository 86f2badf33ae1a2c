//! What an observer of an election is told: who leads, and what he proclaims.

use super::caller::{Caller, first_created, prefix_end};
use crate::proto::mvccpb::{Event, KeyValue, event::EventType};
use crate::proto::{etcdserverpb as pb, v3electionpb as electionpb};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::collections::VecDeque;
use tonic::{Status, Streaming};

/// Where an observer stands.
struct Observer {
    caller: Caller,
    prefix: Bytes,
    /// The watch of the leader's key, while there is one.
    leading: Option<Streaming<pb::WatchResponse>>,
    outbox: VecDeque<electionpb::LeaderResponse>,
}

/// Every leader and every proclamation from now on, the present ones first; between two looks a
/// leader may be missed, but never the latest.
pub(crate) fn observe(
    caller: Caller,
    prefix: Bytes,
) -> BoxStream<'static, Result<electionpb::LeaderResponse, Status>> {
    let observer = Observer { caller, prefix, leading: None, outbox: VecDeque::new() };
    stream::unfold(Some(observer), async |observer| {
        let mut observer = observer?;
        match observer.next().await {
            Ok(Some(answer)) => Some((Ok(answer), Some(observer))),
            // etcd ends the stream without a word.
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    })
    .boxed()
}

impl Observer {
    async fn next(&mut self) -> Result<Option<electionpb::LeaderResponse>, Status> {
        loop {
            if let Some(answer) = self.outbox.pop_front() {
                return Ok(Some(answer));
            }
            match self.leading.as_mut() {
                Some(watch) => match watch.message().await? {
                    Some(answer) if !answer.canceled => self.follow(answer),
                    _ => return Ok(None),
                },
                None => {
                    let Some(found) = self.find().await? else { return Ok(None) };
                    self.begin(found).await?;
                }
            }
        }
    }

    /// What a watch of the leader's key has told.
    fn follow(&mut self, answer: pb::WatchResponse) {
        for event in answer.events {
            if is(&event, EventType::Delete) {
                self.leading = None;
                return;
            }
            let header = answer.header;
            self.outbox.push_back(electionpb::LeaderResponse { header, kv: event.kv });
        }
    }

    async fn begin(&mut self, found: electionpb::LeaderResponse) -> Result<(), Status> {
        let key = found.kv.as_ref().map(|kv| kv.key.clone()).unwrap_or_default();
        let revision = found.header.as_ref().map_or(0, |header| header.revision);
        let watch =
            pb::WatchCreateRequest { key, start_revision: revision + 1, ..Default::default() };
        self.leading = Some(self.caller.watch(watch).await?);
        self.outbox.push_back(found);
        Ok(())
    }

    /// The leader, or the first to come; `None` if the watch for him ends.
    async fn find(&self) -> Result<Option<electionpb::LeaderResponse>, Status> {
        let found = self.caller.range(first_created(&self.prefix)).await?;
        if let Some(kv) = found.kvs.into_iter().next() {
            let header = found.header;
            return Ok(Some(electionpb::LeaderResponse { header, kv: Some(kv) }));
        }
        let watch = pb::WatchCreateRequest {
            key: self.prefix.clone(),
            range_end: prefix_end(&self.prefix),
            start_revision: found.header.map_or(0, |header| header.revision),
            ..Default::default()
        };
        let mut answers = self.caller.watch(watch).await?;
        while let Some(answer) = answers.message().await? {
            if answer.canceled {
                return Ok(None);
            }
            let put = answer.events.into_iter().find(|event| is(event, EventType::Put));
            if let Some(kv) = put.and_then(|event| event.kv) {
                return Ok(Some(at_its_revision(answer.header, kv)));
            }
        }
        Ok(None)
    }
}

fn is(event: &Event, kind: EventType) -> bool {
    event.r#type == i32::from(kind)
}

/// One answer of a watch may hold several revisions.
fn at_its_revision(header: Option<pb::ResponseHeader>, kv: KeyValue) -> electionpb::LeaderResponse {
    let revision = kv.mod_revision;
    let header = header.map(|header| pb::ResponseHeader { revision, ..header });
    electionpb::LeaderResponse { header, kv: Some(kv) }
}
