//! Remembering identified requests, so that a repeat answers as the first did.
//!
//! Invariants: part of the replicated state, so every member remembers and forgets the same ones at
//! the same log position; bounded by [`limits::REQUEST_WINDOW`] in number and by
//! [`limits::MAX_REMEMBERED_OUTCOME`] in size.

use super::Machine;
use crate::db::{Family, View};
use crate::layout::damaged;
use crate::{Error, Outcome, Reply};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use quorate_store::{Error as Refusal, RequestId};
use quorate_types::{Revision, limits};

/// The answer follows.
const WHOLE: u8 = 0;
/// Only the revision follows.
const REVISION: u8 = 1;

impl Machine<'_> {
    /// What a request was answered when it was applied, if it was.
    pub(super) fn remembered(&self, id: RequestId) -> Result<Option<Outcome>, Error> {
        let key = by_id(id);
        match self.state.value(Family::Asked, &key)? {
            Some(value) => {
                decode(value).map(Some).ok_or_else(|| damaged("a remembered request", &key))
            }
            None => Ok(None),
        }
    }

    /// Remembers the answer of a request that is new, and forgets the oldest beyond the window.
    pub(super) fn remember(&mut self, id: RequestId, reply: &Reply) -> Result<(), Error> {
        let number = self.meta.requests;
        self.meta.requests += 1;
        self.state.put(Family::Asked, by_id(id), encode(reply, self.meta.revision));
        self.state.put(Family::Asked, by_number(number), Bytes::copy_from_slice(&by_id(id)));
        if let Some(oldest) = number.checked_sub(limits::REQUEST_WINDOW) {
            let oldest = by_number(oldest);
            if let Some(id) = self.state.value(Family::Asked, &oldest)? {
                self.state.delete(Family::Asked, id.to_vec());
            }
            self.state.delete(Family::Asked, oldest);
        }
        Ok(())
    }
}

fn by_id(id: RequestId) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    key.put_u8(b'i');
    key.put_u128(id.0);
    key
}

fn by_number(number: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(9);
    key.put_u8(b'n');
    key.put_u64(number);
    key
}

fn encode(reply: &Reply, revision: Revision) -> Bytes {
    let whole = reply.encode().ok().filter(|bytes| bytes.len() <= limits::MAX_REMEMBERED_OUTCOME);
    let mut value = BytesMut::with_capacity(9);
    match whole {
        Some(bytes) => {
            value.put_u8(WHOLE);
            value.put_slice(&bytes);
        }
        None => {
            value.put_u8(REVISION);
            value.put_i64(revision.0);
        }
    }
    value.freeze()
}

fn decode(mut value: Bytes) -> Option<Outcome> {
    match value.try_get_u8().ok()? {
        WHOLE => Reply::decode(value).ok().map(Ok),
        REVISION => {
            let revision = Revision(value.try_get_i64().ok()?);
            Some(Err(Refusal::AlreadyApplied { revision }))
        }
        _ => None,
    }
}
