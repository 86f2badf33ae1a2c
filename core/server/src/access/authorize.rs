//! What decides whether somebody may do something.

use super::{Action, Rule, User};
use async_trait::async_trait;
use quorate_resources::Error;
use std::fmt::Debug;

/// Decides whether users may do what they want to do.
#[async_trait]
pub trait Authorizer: Send + Sync + Debug + 'static {
    /// Whether a user may do something.
    ///
    /// # Errors
    /// What the decision depends on cannot be read.
    async fn authorize(&self, user: &User, action: &Action) -> Result<Verdict, Error>;

    /// Everything that a user may do in a namespace; `None` if that cannot be told as rules.
    ///
    /// # Errors
    /// What the decision depends on cannot be read.
    async fn rules(&self, user: &User, namespace: &str) -> Result<Option<Vec<Rule>>, Error>;
}

/// An opinion, with its reason; the reason may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done, whatever others say.
    Allow(String),
    /// It may not be done, whatever others say.
    Deny(String),
    /// Others decide; if nobody does, it may not be done.
    NoOpinion(String),
}

/// Allows members of `system:masters` everything, so that nobody can be locked out for good.
#[derive(Debug)]
pub(super) struct Masters;

#[async_trait]
impl Authorizer for Masters {
    async fn authorize(&self, user: &User, _: &Action) -> Result<Verdict, Error> {
        Ok(match user.is_master() {
            true => Verdict::Allow(String::new()),
            false => Verdict::NoOpinion(String::new()),
        })
    }

    async fn rules(&self, user: &User, _: &str) -> Result<Option<Vec<Rule>>, Error> {
        Ok(Some(if user.is_master() { Rule::everything() } else { Vec::new() }))
    }
}

/// Allows everybody everything.
#[derive(Debug)]
pub(super) struct Everything;

#[async_trait]
impl Authorizer for Everything {
    async fn authorize(&self, _: &User, _: &Action) -> Result<Verdict, Error> {
        Ok(Verdict::Allow(String::new()))
    }

    async fn rules(&self, user: &User, _: &str) -> Result<Option<Vec<Rule>>, Error> {
        // Those of members of `system:masters` have been told.
        Ok(Some(if user.is_master() { Vec::new() } else { Rule::everything() }))
    }
}
