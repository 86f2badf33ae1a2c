//! A Rust type of a kind.

use crate::GroupKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A Rust type whose values are the objects of one kind.
///
/// Any serde type will do; its fields are the object's top-level ones (`metadata`, `spec` and so on,
/// in camel case), of which it may leave out those it does not care for.
pub trait Kind: Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static {
    /// API group; empty for the core group.
    const GROUP: &'static str;
    /// API version: `v1`.
    const VERSION: &'static str;
    /// Kind in camel case: `Deployment`.
    const KIND: &'static str;
    /// Plural in lower case: `deployments`.
    const PLURAL: &'static str;
    /// Whether objects live in namespaces.
    const NAMESPACED: bool;

    /// Group and kind.
    #[must_use]
    fn group_kind() -> GroupKind {
        GroupKind::new(Self::GROUP, Self::KIND)
    }

    /// Group and version as objects carry them.
    #[must_use]
    fn api_version() -> String {
        api_version(Self::GROUP, Self::VERSION)
    }
}

/// `group/version`, or only the version for the core group.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
