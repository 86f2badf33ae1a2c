//! One object in the cache, with its typed form once someone has asked for it.

use quorate_resources::{Kind, Object, Typed};
use quorate_types::{GroupKind, ObjectKey};
use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The first type that was asked for, and the value unless the object does not fit it.
type Decoded = (TypeId, Option<Arc<dyn Any + Send + Sync>>);

/// An object with its identity. Ordered by kind and key, so that a set of entries is sorted.
pub(super) struct Entry {
    kind: GroupKind,
    key: ObjectKey,
    object: Arc<Object>,
    decoded: OnceLock<Decoded>,
}

impl Entry {
    pub(super) fn new(kind: GroupKind, key: ObjectKey, object: Object) -> Self {
        Self { kind, key, object: Arc::new(object), decoded: OnceLock::new() }
    }

    pub(super) fn kind(&self) -> &GroupKind {
        &self.kind
    }

    pub(super) fn key(&self) -> &ObjectKey {
        &self.key
    }

    pub(super) fn object(&self) -> &Arc<Object> {
        &self.object
    }

    /// The typed form: decoded at most once for the first type asked for.
    pub(super) fn typed<K: Kind>(&self) -> Option<Typed<K>> {
        let (of, memo) = self.decoded.get_or_init(|| {
            let erase = |value: Arc<K>| -> Arc<dyn Any + Send + Sync> { value };
            (TypeId::of::<K>(), self.decode::<K>().map(erase))
        });
        // A second type for the same kind is right, too, only not memoised.
        let value = if *of == TypeId::of::<K>() {
            memo.clone()?.downcast::<K>().ok()?
        } else {
            self.decode::<K>()?
        };
        Some(Typed { object: Arc::clone(&self.object), value })
    }

    fn decode<K: Kind>(&self) -> Option<Arc<K>> {
        match self.object.decode::<K>() {
            Ok(value) => Some(Arc::new(value)),
            Err(error) => {
                tracing::warn!(kind = %self.kind, key = %self.key, %error, "object skipped");
                None
            }
        }
    }

    fn id(&self) -> (&GroupKind, &ObjectKey) {
        (&self.kind, &self.key)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id().cmp(&other.id())
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.key)
    }
}
