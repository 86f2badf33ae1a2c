//! Every namespaced or cluster-scoped type of `k8s-openapi` is a kind.
//!
//! The implementation must stand beside the trait. Nothing else in this crate knows these types.

use crate::Kind;
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Whether objects of a scope live in namespaces.
pub trait Scope {
    /// As [`Kind::NAMESPACED`].
    const NAMESPACED: bool;
}

impl Scope for ClusterResourceScope {
    const NAMESPACED: bool = false;
}

impl Scope for NamespaceResourceScope {
    const NAMESPACED: bool = true;
}

impl<K> Kind for K
where
    K: Resource + Serialize + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
    K::Scope: Scope,
{
    const GROUP: &'static str = <K as Resource>::GROUP;
    const VERSION: &'static str = <K as Resource>::VERSION;
    const KIND: &'static str = <K as Resource>::KIND;
    const PLURAL: &'static str = <K as Resource>::URL_PATH_SEGMENT;
    const NAMESPACED: bool = <K::Scope as Scope>::NAMESPACED;
}
