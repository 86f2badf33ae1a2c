//! Why a case failed.

use quorate_executor::Error;
use std::fmt::Debug;
use std::time::Duration;
use thiserror::Error as ThisError;

/// What a case answers.
pub type Verdict = Result<(), Failure>;

/// Why a case failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Failure {
    /// An operation failed that had to succeed.
    #[error("{doing}: {source}")]
    Call {
        /// The operation.
        doing: String,
        /// What it answered.
        source: Error,
    },
    /// Something is not as it has to be.
    #[error("{what}: expected {expected}, found {found}")]
    Differs {
        /// What was looked at.
        what: String,
        /// What had to be there.
        expected: String,
        /// What was there.
        found: String,
    },
    /// Something did not come about.
    #[error("not within {patience:?}: {what}; last seen: {last}")]
    Never {
        /// What was waited for.
        what: String,
        /// How long.
        patience: Duration,
        /// What was there instead.
        last: String,
    },
    /// The kit itself could not do something on this machine.
    #[error("the kit cannot {what}: {source}")]
    Kit {
        /// What was done to which object.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The executor panicked.
    #[error("the executor panicked: {0}")]
    Panicked(String),
}

impl Failure {
    /// Wraps an executor's error with what was done.
    pub fn call(doing: impl Into<String>) -> impl FnOnce(Error) -> Self {
        let doing = doing.into();
        move |source| Self::Call { doing, source }
    }

    /// Wraps an error of the kit's own with what was done.
    pub fn kit(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Kit { what, source }
    }

    /// Something is not as it has to be.
    pub fn differs(what: impl Into<String>, expected: impl Debug, found: impl Debug) -> Self {
        Self::Differs {
            what: what.into(),
            expected: format!("{expected:?}"),
            found: format!("{found:?}"),
        }
    }
}

/// Demands that two values are equal.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, expected: T, found: T) -> Verdict {
    if expected == found { Ok(()) } else { Err(Failure::differs(what, expected, found)) }
}

/// Demands that something is so.
pub(crate) fn holds(what: &str, so: bool, found: impl Debug) -> Verdict {
    if so { Ok(()) } else { Err(Failure::differs(what, true, found)) }
}
