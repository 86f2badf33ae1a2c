//! One case: a name and what must hold, and the macros that cases are written with.

use super::Fixture;
use crate::Error;
use futures::future::LocalBoxFuture;
use std::time::Duration;
use thiserror::Error as ThisError;

/// Why a case failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum CaseError {
    /// A request that had to succeed was refused.
    #[error("the store refused a request that must succeed: {0}")]
    Refused(#[from] Error),
    /// The store answered, but not as the contract says.
    #[error("{0}")]
    Wrong(String),
    /// What had to happen did not happen in time.
    #[error("nothing came within {patience:?}: {awaited}")]
    TimedOut {
        /// What was awaited.
        awaited: String,
        /// How long.
        patience: Duration,
    },
    /// The case or the store panicked.
    #[error("panicked: {0}")]
    Panicked(String),
}

pub(super) type CaseResult = Result<(), CaseError>;

/// A named case.
#[derive(Clone, Copy)]
pub struct Case {
    pub(super) topic: &'static str,
    pub(super) name: &'static str,
    pub(super) run: for<'a> fn(&'a Fixture) -> LocalBoxFuture<'a, CaseResult>,
}

impl Case {
    /// Topic and name, `range::count_ignores_the_limit` for example.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}::{}", self.topic, self.name)
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Case").field(&self.name()).finish()
    }
}

/// Lists the cases of a topic.
macro_rules! cases {
    ($topic:literal: $($name:ident),* $(,)?) => {
        pub(super) fn cases() -> Vec<$crate::conformance::Case> {
            vec![$($crate::conformance::Case {
                topic: $topic,
                name: stringify!($name),
                run: |fixture| Box::pin($name(fixture)),
            }),*]
        }
    };
}

/// Ends the case as failed unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::CaseError::Wrong(format!($($message)+)));
        }
    };
}

/// Ends the case as failed unless both are equal.
macro_rules! ensure_eq {
    ($got:expr, $want:expr, $($message:tt)+) => {
        match (&$got, &$want) {
            (got, want) => ensure!(
                got == want,
                "{}: got {got:?}, want {want:?}", format_args!($($message)+),
            ),
        }
    };
}

/// Ends the case as failed unless the result is an error of this kind.
macro_rules! ensure_refused {
    ($result:expr, $kind:pat, $($message:tt)+) => {{
        let result = $result;
        ensure!(
            matches!(&result, Err($kind)),
            "{}: got {result:?}, want {}", format_args!($($message)+), stringify!($kind),
        );
    }};
}
