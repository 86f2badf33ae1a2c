//! The user of one request, beside what judges them.

use super::{Access, Action, User, Verdict};
use crate::failure::Failure;
use std::sync::Arc;

/// The user of one request, beside what judges them.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) access: Arc<Access>,
}

impl Caller {
    /// Refuses what the user may not do.
    pub(crate) async fn may(&self, action: &Action) -> Result<(), Failure> {
        match self.access.judge(&self.user, action).await? {
            Verdict::Allow(_) => Ok(()),
            Verdict::Deny(reason) | Verdict::NoOpinion(reason) => Err(Failure::Forbidden {
                user: self.user.name.clone(),
                action: action.clone(),
                reason,
            }),
        }
    }

    /// Whether the user may do something.
    pub(crate) async fn can(&self, action: &Action) -> Result<bool, Failure> {
        Ok(matches!(self.access.judge(&self.user, action).await?, Verdict::Allow(_)))
    }
}
