//! Who calls, and whether they may.
//!
//! Place: before everything that a request does. An [`Authenticator`] turns what a connection shows
//! ([`Credentials`]) into a [`User`]; an [`Authorizer`] judges what that user wants to do
//! ([`Action`]). [`Access`] asks several of each; [`Rbac`] is the authorizer over roles and bindings.
//!
//! Invariants: credentials that are shown and are no good end a request, they never make it anonymous;
//! what nobody allows is forbidden; what is judged is what is then done, taken from the same route;
//! nothing of a request's body is read before it is allowed; nobody gives away more than they have.
//!
//! ```
//! use quorate_server::access::{Access, Action, Authorizer, Policy, Rule, User, Verdict};
//! use quorate_resources::Object;
//! # fn object(value: serde_json::Value) -> Object { Object::from_value(value).unwrap() }
//! let role = object(serde_json::json!({
//!     "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
//!     "metadata": { "name": "reader" },
//!     "rules": [{ "verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"] }],
//! }));
//! let binding = object(serde_json::json!({
//!     "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
//!     "metadata": { "name": "readers", "namespace": "shop" },
//!     "roleRef": { "kind": "ClusterRole", "name": "reader" },
//!     "subjects": [{ "kind": "User", "name": "alice" }],
//! }));
//! let policy = Policy::new([&role, &binding]);
//! let alice = User::new("alice");
//! let list = Action::resource("list", "", "pods").in_namespace("shop");
//! assert!(matches!(policy.decide(&alice, &list), Verdict::Allow(_)));
//! assert!(matches!(policy.decide(&alice, &list.in_namespace("bank")), Verdict::NoOpinion(_)));
//! ```

mod accounts;
mod action;
mod authenticate;
mod authorize;
mod caller;
mod certificates;
mod credentials;
mod impersonate;
mod rbac;
mod request;
mod rule;
mod tokens;
mod user;

pub use accounts::{AccountTokens, BoundObject, TokenError};
pub use action::{Action, ResourceAction, Target};
pub use authenticate::{AuthenticateError, Authenticator, Known};
pub use authorize::{Authorizer, Verdict};
pub use certificates::{CertificateError, Certificates};
pub use credentials::Credentials;
pub use rbac::{Policy, Rbac};
pub use rule::Rule;
pub use tokens::{TokenFileError, Tokens};
pub use user::User;

pub(crate) use caller::Caller;
pub(crate) use certificates::verifier;
pub(crate) use credentials::Shown;
pub(crate) use impersonate::impersonated;
pub(crate) use rbac::may_write;
pub(crate) use request::action;

use crate::failure::Failure;
use authenticate::Everybody;
use authorize::{Everything, Masters};
use quorate_resources::Error;
use std::sync::Arc;

/// Who may call and what they may do, put together from parts that are asked in order.
#[derive(Clone, Debug)]
pub struct Access {
    authenticators: Vec<Arc<dyn Authenticator>>,
    authorizers: Vec<Arc<dyn Authorizer>>,
    anonymous: bool,
    accounts: Option<Arc<AccountTokens>>,
    rbac: Option<Arc<Rbac>>,
}

impl Default for Access {
    fn default() -> Self {
        Self::new()
    }
}

impl Access {
    /// Nobody is known, and only members of `system:masters` may do anything.
    #[must_use]
    pub fn new() -> Self {
        Self {
            authenticators: Vec::new(),
            authorizers: vec![Arc::new(Masters)],
            anonymous: false,
            accounts: None,
            rbac: None,
        }
    }

    /// Whoever reaches the API is its administrator, whatever they show: for loopback and tests.
    #[must_use]
    pub fn open() -> Self {
        let open = Self::new().with_authenticator(Arc::new(Everybody));
        open.with_authorizer(Arc::new(Everything))
    }

    /// Also knows whom this one knows.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticators.push(authenticator);
        self
    }

    /// Also allows what this one allows. The first that allows or denies decides.
    #[must_use]
    pub fn with_authorizer(mut self, authorizer: Arc<dyn Authorizer>) -> Self {
        self.authorizers.push(authorizer);
        self
    }

    /// Who shows nothing is `system:anonymous` instead of being refused.
    #[must_use]
    pub fn with_anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Gives out tokens of service accounts and knows them.
    #[must_use]
    pub fn with_accounts(mut self, accounts: Arc<AccountTokens>) -> Self {
        self.accounts = Some(Arc::clone(&accounts));
        self.with_authenticator(accounts)
    }

    /// Allows what roles and bindings allow, and lets nobody write one that gives more than they have.
    #[must_use]
    pub fn with_rbac(mut self, rbac: Arc<Rbac>) -> Self {
        self.rbac = Some(Arc::clone(&rbac));
        self.with_authorizer(rbac)
    }

    pub(crate) fn accounts(&self) -> Option<&Arc<AccountTokens>> {
        self.accounts.as_ref()
    }

    fn rbac(&self) -> Option<&Arc<Rbac>> {
        self.rbac.as_ref()
    }

    /// Who shows these credentials, by the first that knows; `None` if they show nothing.
    pub(crate) async fn known(
        &self,
        credentials: &Credentials,
    ) -> Result<Option<Known>, AuthenticateError> {
        let mut refused = None;
        for authenticator in &self.authenticators {
            match authenticator.authenticate(credentials).await {
                Ok(None) => {}
                Err(error) if !error.is_refusal() => return Err(error),
                Err(error) => refused = refused.or(Some(error)),
                Ok(Some(mut known)) => {
                    known.user.authenticated();
                    return Ok(Some(known));
                }
            }
        }
        match refused {
            Some(error) => Err(error),
            None if credentials.token.is_some() => Err(AuthenticateError::UnknownToken),
            None => Ok(None),
        }
    }

    /// Who calls.
    pub(crate) async fn identify(&self, credentials: &Credentials) -> Result<User, Failure> {
        match self.known(credentials).await {
            Ok(Some(known)) => Ok(known.user),
            Ok(None) if self.anonymous => Ok(User::anonymous()),
            Ok(None) => Err(Failure::Unauthorized),
            Err(AuthenticateError::Objects(error)) => Err(Failure::Objects(error)),
            Err(error) => {
                tracing::info!(%error, "a caller is refused");
                Err(Failure::Unauthorized)
            }
        }
    }

    /// Whether a user may do something: the first opinion, or all reasons for having none.
    pub(crate) async fn judge(&self, user: &User, action: &Action) -> Result<Verdict, Error> {
        let mut reasons = Vec::new();
        for authorizer in &self.authorizers {
            match authorizer.authorize(user, action).await? {
                Verdict::NoOpinion(reason) if reason.is_empty() => {}
                Verdict::NoOpinion(reason) => reasons.push(reason),
                decided => return Ok(decided),
            }
        }
        Ok(Verdict::NoOpinion(reasons.join("\n")))
    }

    /// Everything that a user may do in a namespace, and whether that is all.
    pub(crate) async fn rules(
        &self,
        user: &User,
        namespace: &str,
    ) -> Result<(Vec<Rule>, bool), Error> {
        let (mut all, mut complete) = (Vec::new(), true);
        for authorizer in &self.authorizers {
            match authorizer.rules(user, namespace).await? {
                Some(rules) => all.extend(rules),
                None => complete = false,
            }
        }
        Ok((all, complete))
    }
}

#[cfg(test)]
mod tests;
