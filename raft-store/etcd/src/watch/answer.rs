//! What a watch sends: the head of a message, and events that many messages share.

use crate::convert::key_value;
use crate::proto::{etcdserverpb as pb, mvccpb};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{DecodeContext, WireType, message};
use prost::{DecodeError, Message};
use quorate_store::{Event, EventKind};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Field number of the events in etcd's `WatchResponse`.
const EVENTS: u32 = 11;
/// Messages of more bytes take nothing more in.
const JOINED_BYTES: usize = 64 * 1024;
/// Batches whose encoding is remembered: those that watchers are about to ask for.
const REMEMBERED: usize = 64;

/// etcd's `WatchResponse`, its events encoded already.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// Everything but the events.
    pub(crate) head: pb::WatchResponse,
    /// The events, as fields of the message.
    pub(crate) events: Bytes,
    /// Events of later revisions that the same message tells.
    later: Vec<Bytes>,
    /// Bytes of `later`.
    later_len: usize,
}

impl Answer {
    /// What a watch is told of a revision, or of a part of it.
    pub(crate) fn told(head: pb::WatchResponse, events: Bytes) -> Self {
        Self { head, events, later: Vec::new(), later_len: 0 }
    }

    /// Whether there is room for another revision.
    pub(crate) fn has_room(&self) -> bool {
        self.encoded_len() < JOINED_BYTES
    }

    /// Takes in what the same watch is told next, if both are whole revisions: who has fallen behind
    /// catches up in few messages. Gives back what it cannot take in.
    pub(crate) fn join(&mut self, next: Self) -> Option<Self> {
        let whole = |answer: &Self| !answer.events.is_empty() && !answer.head.fragment;
        if self.head.watch_id != next.head.watch_id || !whole(self) || !whole(&next) {
            return Some(next);
        }
        self.head.header = next.head.header;
        self.later_len += next.events.len();
        self.later.push(next.events);
        None
    }
}

impl From<pb::WatchResponse> for Answer {
    fn from(head: pb::WatchResponse) -> Self {
        Self::told(head, Bytes::new())
    }
}

impl Message for Answer {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.head.encode_raw(buf);
        buf.put_slice(&self.events);
        for events in &self.later {
            buf.put_slice(events);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.head.merge_field(tag, wire_type, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        self.head.encoded_len() + self.events.len() + self.later_len
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Encodes events once for all who watch them.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    recent: Mutex<VecDeque<Encoded>>,
}

/// The events are held, so that their address means them and nothing else.
#[derive(Debug)]
struct Encoded {
    events: Arc<[Event]>,
    bytes: Bytes,
}

impl Encoder {
    /// The events as fields of a message.
    pub(crate) fn encode(&self, events: &Arc<[Event]>) -> Bytes {
        // Nobody else can ask for what nobody else holds.
        if events.is_empty() || Arc::strong_count(events) == 1 {
            return encode(events);
        }
        let known = |one: &Encoded| Arc::ptr_eq(&one.events, events).then(|| one.bytes.clone());
        let found = self.recent().iter().rev().find_map(known);
        found.unwrap_or_else(|| {
            let bytes = encode(events);
            let mut recent = self.recent();
            if recent.len() >= REMEMBERED {
                recent.pop_front();
            }
            recent.push_back(Encoded { events: Arc::clone(events), bytes: bytes.clone() });
            bytes
        })
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, VecDeque<Encoded>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(events: &[Event]) -> Bytes {
    let mut buf = BytesMut::with_capacity(events.iter().map(|event| event.bytes() + 64).sum());
    for event in events {
        message::encode(EVENTS, &wire_event(event), &mut buf);
    }
    buf.freeze()
}

fn wire_event(event: &Event) -> mvccpb::Event {
    let kind = match event.kind {
        EventKind::Put => mvccpb::event::EventType::Put,
        EventKind::Delete => mvccpb::event::EventType::Delete,
    };
    mvccpb::Event {
        r#type: kind.into(),
        kv: Some(key_value(event.kv.clone())),
        prev_kv: event.prev_kv.clone().map(key_value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_store::KeyValue;

    fn events() -> Arc<[Event]> {
        let kv = KeyValue { key: "k".into(), value: "v".into(), version: 3, ..KeyValue::default() };
        let gone = Event { kind: EventKind::Delete, kv: kv.clone(), prev_kv: Some(kv.clone()) };
        Arc::from([Event { kind: EventKind::Put, kv, prev_kv: None }, gone])
    }

    #[test]
    fn a_reader_finds_head_and_events() {
        let events = events();
        let head = pb::WatchResponse {
            watch_id: 7,
            fragment: true,
            cancel_reason: "none".to_owned(),
            ..Default::default()
        };
        let answer = Answer::told(head.clone(), encode(&events));
        let read = pb::WatchResponse::decode(&answer.encode_to_vec()[..]).unwrap();
        let sent: Vec<_> = events.iter().map(wire_event).collect();
        assert_eq!(read, pb::WatchResponse { events: sent, ..head });
        assert_eq!(answer.encoded_len(), answer.encode_to_vec().len());
    }

    #[test]
    fn whole_revisions_of_one_watch_are_joined_and_nothing_else() {
        let of = |watch_id, fragment, revision| {
            let header = Some(pb::ResponseHeader { revision, ..Default::default() });
            let head = pb::WatchResponse { watch_id, fragment, header, ..Default::default() };
            Answer::told(head, encode(&events()))
        };
        let mut answer = of(1, false, 5);
        assert!(answer.join(of(1, false, 6)).is_none());
        let read = pb::WatchResponse::decode(&answer.encode_to_vec()[..]).unwrap();
        assert_eq!((read.events.len(), read.header.unwrap().revision), (4, 6));
        assert_eq!(answer.encoded_len(), answer.encode_to_vec().len());
        assert!(answer.join(of(2, false, 7)).is_some(), "of another watch");
        assert!(answer.join(of(1, true, 7)).is_some(), "a part of a revision");
        let closed = pb::WatchResponse { watch_id: 1, canceled: true, ..Default::default() };
        assert!(answer.join(closed.into()).is_some(), "no events");
        assert!(of(1, true, 5).join(of(1, false, 6)).is_some(), "after a part of a revision");
    }

    #[test]
    fn shared_events_are_encoded_once_and_few_are_remembered() {
        let encoder = Encoder::default();
        let events = events();
        let _watcher = Arc::clone(&events);
        let first = encoder.encode(&events);
        assert_eq!(first.as_ptr(), encoder.encode(&events).as_ptr());
        for _ in 0..2 * REMEMBERED {
            let other: Arc<[Event]> = events.to_vec().into();
            let _watcher = Arc::clone(&other);
            assert_eq!(encoder.encode(&other), first);
        }
        assert_eq!(encoder.recent().len(), REMEMBERED);
    }
}
