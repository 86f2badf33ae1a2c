//! Authorization by roles and bindings, as they are in the store at the moment.
//!
//! The policy is made anew only after one of them has changed: as long as the store's revision is the
//! same nothing is read, and one that has moved costs a look at which of them changed last.

mod bootstrap;
mod escalation;
mod policy;

pub use policy::Policy;

pub(crate) use escalation::may_write;

use super::{Action, Authorizer, Rule, User, Verdict};
use async_trait::async_trait;
use quorate_resources::{Error, Object, Objects, decode_stored};
use quorate_store::{Consistency, RangeRequest, Sort, SortTarget};
use quorate_types::Revision;
use std::sync::{Arc, PoisonError, RwLock};

/// The group of roles and bindings.
const GROUP: &str = "rbac.authorization.k8s.io";

/// Allows what the roles and bindings among some objects allow.
#[derive(Debug)]
pub struct Rbac {
    objects: Objects,
    latest: RwLock<Loaded>,
}

/// A policy, and what the store looked like when it was made.
#[derive(Clone, Debug, Default)]
struct Loaded {
    seen: Revision,
    count: u64,
    changed: Revision,
    policy: Arc<Policy>,
}

impl Rbac {
    /// By the roles and bindings among these objects; there are none in a new cluster. See
    /// [`Rbac::bootstrap`].
    #[must_use]
    pub fn new(objects: Objects) -> Self {
        Self { objects, latest: RwLock::default() }
    }

    /// Creates the roles and bindings that every cluster has, and adds what later versions of them
    /// allow: `cluster-admin`, `admin`, `edit`, `view`, and those of discovery, basic users and nodes.
    /// Objects with the annotation `rbac.authorization.kubernetes.io/autoupdate: "false"` stay as
    /// they are. May run at every start, and in several processes at once.
    ///
    /// # Errors
    /// The store failed.
    pub async fn bootstrap(&self) -> Result<(), Error> {
        bootstrap::run(&self.objects).await
    }

    /// The policy of now.
    pub(crate) async fn policy(&self) -> Result<Arc<Policy>, Error> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner).clone();
        let store = self.objects.store();
        if latest.seen != Revision::NONE && latest.seen == store.status().revision {
            return Ok(latest.policy);
        }
        let renewed = self.renewed(latest).await?;
        let mut place = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        // A slower request must not bring back what has passed.
        if renewed.seen >= place.seen {
            place.clone_from(&renewed);
        }
        Ok(renewed.policy)
    }

    async fn renewed(&self, latest: Loaded) -> Result<Loaded, Error> {
        let mut newest = RangeRequest::prefix(format!("/registry/{GROUP}/")).keys_only().limit(1);
        newest.sort = Some(Sort { target: SortTarget::ModRevision, descending: true });
        newest.consistency = Consistency::Serializable;
        let store = self.objects.store();
        let found = store.range(newest).await.map_err(Error::Store)?;
        let changed = found.kvs.first().map_or(Revision::NONE, |kv| kv.mod_revision);
        if (found.count, changed) == (latest.count, latest.changed) {
            return Ok(Loaded { seen: found.revision, ..latest });
        }
        let mut all = RangeRequest::prefix(format!("/registry/{GROUP}/"));
        all.consistency = Consistency::Serializable;
        let found = store.range(all).await.map_err(Error::Store)?;
        let changed = found.kvs.iter().map(|kv| kv.mod_revision).max().unwrap_or(Revision::NONE);
        let objects: Vec<Object> = found.kvs.iter().filter_map(readable).collect();
        let policy = Arc::new(Policy::new(&objects));
        Ok(Loaded { seen: found.revision, count: found.count, changed, policy })
    }
}

/// What cannot be read allows nothing.
fn readable(kv: &quorate_store::KeyValue) -> Option<Object> {
    let read = decode_stored(kv);
    read.inspect_err(|error| tracing::warn!(%error, "a role or binding is passed over")).ok()
}

#[async_trait]
impl Authorizer for Rbac {
    async fn authorize(&self, user: &User, action: &Action) -> Result<Verdict, Error> {
        Ok(self.policy().await?.decide(user, action))
    }

    async fn rules(&self, user: &User, namespace: &str) -> Result<Option<Vec<Rule>>, Error> {
        Ok(Some(self.policy().await?.rules(user, namespace)))
    }
}
