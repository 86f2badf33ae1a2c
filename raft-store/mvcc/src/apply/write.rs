//! Changing keys: every family that a put or a deletion touches, in one place.

use super::Machine;
use crate::db::Family;
use crate::layout::{
    CURRENT_HEAD, Change, Current, Pointer, attachment_key, encode_current, encode_pointer,
    encode_tombstone, idx_key, rev_key,
};
use crate::{Error, read};
use bytes::Bytes;
use quorate_seams::bug;
use quorate_store::{Event, EventKind, KeyValue, PutOp};
use quorate_types::{LeaseId, Revision};

/// The changes of one revision. The revision exists once there is one.
pub(super) struct Writer<'m, 'a> {
    machine: &'m mut Machine<'a>,
    main: Revision,
    events: Vec<Event>,
}

impl<'m, 'a> Writer<'m, 'a> {
    pub(super) fn new(machine: &'m mut Machine<'a>) -> Self {
        let main = machine.meta.revision.next();
        Self { machine, main, events: Vec::new() }
    }

    /// The state with the changes made so far.
    pub(super) fn machine(&self) -> &Machine<'a> {
        self.machine
    }

    /// The store's revision, were these all the changes.
    pub(super) fn revision(&self) -> Revision {
        if self.events.is_empty() { self.machine.meta.revision } else { self.main }
    }

    /// Writes a key, and gives it as it was if the put asks for that. What the put keeps of it is
    /// known to exist.
    pub(super) fn put(&mut self, put: PutOp) -> Result<Option<KeyValue>, Error> {
        let PutOp { key, mut value, mut lease, prev_kv: asked, ignore_value, ignore_lease } = put;
        let before = read::current(&self.machine.state, &key)?;
        if let Some(before) = &before {
            if ignore_value {
                value = before.kv.value.clone();
            }
            if ignore_lease {
                lease = before.kv.lease;
            }
        }
        let (created, version) = before
            .as_ref()
            .map_or((self.main, 0), |before| (before.kv.create_revision, before.kv.version));
        let kv = KeyValue {
            key: key.clone(),
            value,
            create_revision: if bug("mvcc-creates-anew-with-every-put") {
                self.main
            } else {
                created
            },
            mod_revision: self.main,
            version: version + 1,
            lease,
        };
        // Both families hold the same bytes: encoded once.
        let current = encode_current(self.sub(), kv.clone());
        self.record(&key, false, before.as_ref(), current.slice(CURRENT_HEAD..));
        self.machine.state.put(Family::Cur, key.clone(), current);
        let prev_kv = before.map(|before| before.kv);
        let held = prev_kv.as_ref().map_or(LeaseId::NONE, |kv| kv.lease);
        if held != lease {
            self.detach(held, &key);
            if lease != LeaseId::NONE {
                let attachment = attachment_key(lease, &key);
                self.machine.state.put(Family::Lease, attachment, Bytes::new());
            }
        }
        let answer = prev_kv.as_ref().filter(|_| asked).cloned();
        self.events.push(Event { kind: EventKind::Put, kv, prev_kv });
        Ok(answer)
    }

    /// Deletes a key that exists.
    pub(super) fn delete(&mut self, current: Current) {
        let key = current.kv.key.clone();
        self.record(&key, true, Some(&current), encode_tombstone(&key));
        self.machine.state.delete(Family::Cur, key.clone());
        self.detach(current.kv.lease, &key);
        let kv = KeyValue { key, mod_revision: self.main, ..KeyValue::default() };
        self.events.push(Event { kind: EventKind::Delete, kv, prev_kv: Some(current.kv) });
    }

    /// Makes the changes a revision, if there are any; gives the store's revision.
    pub(super) fn finish(self) -> Revision {
        if !self.events.is_empty() {
            self.machine.meta.revision = self.main;
            self.machine.revisions.push((self.main, self.events));
        }
        self.machine.meta.revision
    }

    /// Place of the next change in the revision.
    fn sub(&self) -> u64 {
        u64::try_from(self.events.len()).expect("a count of events in memory fits")
    }

    /// Adds a change to the history and its index.
    fn record(&mut self, key: &[u8], tombstone: bool, before: Option<&Current>, bytes: Bytes) {
        let change = Change { main: self.main, sub: self.sub() };
        let before = before.map(|before| Change { main: before.kv.mod_revision, sub: before.sub });
        let pointer = encode_pointer(Pointer { change, tombstone, before });
        let state = &mut self.machine.state;
        state.put(Family::Rev, rev_key(change, tombstone), bytes);
        state.put(Family::Idx, idx_key(key, change), pointer);
    }

    fn detach(&mut self, lease: LeaseId, key: &[u8]) {
        if lease != LeaseId::NONE {
            self.machine.state.delete(Family::Lease, attachment_key(lease, key));
        }
    }
}
