//! On whose behalf a request is made.

/// Who asks, and since when that is known. Established at the door, judged where the request takes
/// effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    user: String,
    revision: u64,
}

impl Caller {
    /// A user, and the revision of users and roles at which its identity was established.
    pub fn new(user: impl Into<String>, revision: u64) -> Self {
        Self { user: user.into(), revision }
    }

    /// Somebody who has not said who they are: allowed only what everybody is.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The user's name; empty if it was not told.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Revision of users and roles at which the identity was established; 0 for an anonymous caller.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether it has not been told who asks.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.user.is_empty()
    }
}
