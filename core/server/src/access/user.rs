//! Who somebody is.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The name of who has not said who they are.
const ANONYMOUS: &str = "system:anonymous";
/// Everybody who has said who they are.
const AUTHENTICATED: &str = "system:authenticated";
/// Everybody who has not.
const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Who may do everything.
const MASTERS: &str = "system:masters";
/// All service accounts.
const ACCOUNTS: &str = "system:serviceaccounts";
/// What the user name of a service account begins with.
const ACCOUNT: &str = "system:serviceaccount";

/// Who calls. The names are Kubernetes'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Unique name.
    pub name: String,
    /// Identity over all time; empty if there is none.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// What else the authenticator knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user without groups.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same user with one more group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Who is in charge: `system:admin`, a member of `system:masters`.
    #[must_use]
    pub fn admin() -> Self {
        Self::new("system:admin").with_group(MASTERS).with_group(AUTHENTICATED)
    }

    /// Who has not said who they are.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS).with_group(UNAUTHENTICATED)
    }

    /// A service account, without a uid.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let user = Self::new(format!("{ACCOUNT}:{namespace}:{name}"));
        user.with_group(ACCOUNTS).with_group(format!("{ACCOUNTS}:{namespace}"))
    }

    /// Whether it is a member of a group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// Whether it may do everything.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.is_in(MASTERS)
    }

    /// Namespace and name, if it is a service account.
    pub(crate) fn as_service_account(&self) -> Option<(&str, &str)> {
        let (namespace, name) =
            self.name.strip_prefix(ACCOUNT)?.strip_prefix(':')?.split_once(':')?;
        (!namespace.is_empty() && !name.is_empty() && !name.contains(':'))
            .then_some((namespace, name))
    }

    /// Adds the group that everybody of its sort is in.
    pub(crate) fn authenticated(&mut self) {
        let group = if self.name == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
        if !self.is_in(AUTHENTICATED) && !self.is_in(UNAUTHENTICATED) {
            self.groups.push(group.to_owned());
        }
    }

    /// As reviews tell it.
    pub(crate) fn info(&self) -> Value {
        let mut info = Map::new();
        info.insert("username".to_owned(), json!(self.name));
        if !self.uid.is_empty() {
            info.insert("uid".to_owned(), json!(self.uid));
        }
        if !self.groups.is_empty() {
            info.insert("groups".to_owned(), json!(self.groups));
        }
        if !self.extra.is_empty() {
            info.insert("extra".to_owned(), json!(self.extra));
        }
        Value::Object(info)
    }
}
