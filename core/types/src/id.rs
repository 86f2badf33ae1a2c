//! Newtypes for every number that crosses a crate border: a revision is never a term by accident.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number! {
    /// A revision of the whole store: it grows by one with every transaction that changes a key.
    ///
    /// A store starts at revision 1 (etcd's rule); 0 means "none" or "the current one" in requests.
    Revision(i64)
}
number! {
    /// A Raft term: at most one leader per term.
    Term(u64)
}
number! {
    /// A position in the Raft log; the first entry has index 1 or, in openraft, 0.
    LogIndex(u64)
}
number! {
    /// A member of the replicated store. Never reused within a cluster.
    MemberId(u64)
}
number! {
    /// The identity of one cluster, drawn when it is formed; members of other clusters are refused.
    ClusterId(u64)
}
number! {
    /// A lease; 0 means "no lease".
    LeaseId(i64)
}

impl Revision {
    /// "No revision": in a request, the current one.
    pub const NONE: Self = Self(0);

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The revision before this one.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl LeaseId {
    /// "No lease".
    pub const NONE: Self = Self(0);
}

/// The unique identity of one object over all time, in UUID form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(String);

impl Uid {
    /// A version 4 UUID from 128 random bits.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        let bits = (bits & !(0xf000 << 64) & !(0xc000 << 48)) | (0x4000 << 64) | (0x8000 << 48);
        let hex = format!("{bits:032x}");
        Self(format!(
            "{}-{}-{}-{}-{}",
            &hex[0..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..32]
        ))
    }

    /// An identity that was read from an object.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uid_has_version_and_variant_of_rfc_9562() {
        for bits in [0, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let uid = Uid::from_random(bits);
            let text = uid.as_str().as_bytes();
            assert_eq!(text.len(), 36);
            assert_eq!(text[14], b'4');
            assert!(b"89ab".contains(&text[19]), "{uid}");
        }
    }
}
