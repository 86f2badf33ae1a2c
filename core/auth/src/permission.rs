//! Users, roles and what roles permit.

use bytes::Bytes;
use quorate_store::KeyRange;

/// What may be done with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read them, watch them, compare with them.
    Read,
    /// Put and delete them.
    Write,
    /// Both.
    ReadWrite,
}

impl Access {
    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

/// An access to a range of keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What may be done.
    pub access: Access,
    /// With which keys.
    pub range: KeyRange,
}

impl Permission {
    /// An access to a range.
    #[must_use]
    pub fn new(access: Access, range: KeyRange) -> Self {
        Self { access, range }
    }

    /// Whether the range names at least one key, as a grant must (etcd's rule).
    pub(crate) fn is_valid(&self) -> bool {
        match &self.range {
            KeyRange::Key(key) | KeyRange::From(key) => !key.is_empty(),
            KeyRange::Span(start, end) => !start.is_empty() && start < end,
        }
    }
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The bcrypt hash of the password, as text; empty if there is none.
    pub password: Bytes,
    /// The user cannot sign in with a password, only with a certificate.
    pub no_password: bool,
    /// Names of its roles, sorted. A name may be that of no role: then it permits nothing.
    pub roles: Vec<String>,
}

impl User {
    pub(crate) fn has(&self, role: &str) -> bool {
        self.roles.binary_search_by(|own| own.as_str().cmp(role)).is_ok()
    }
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// What it permits, ordered by the first key of each range.
    pub permissions: Vec<Permission>,
}
