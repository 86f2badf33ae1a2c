//! Reading objects.

use super::{ObjectList, Objects};
use crate::{Error, GroupKind, KindInfo, Object, ObjectKey, Selector, decode_stored};
use quorate_store::RangeRequest;

impl Objects {
    /// Reads one object.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::UnknownKind`], or the store failed.
    pub async fn get(&self, kind: &GroupKind, key: &ObjectKey) -> Result<Object, Error> {
        let info = self.registry().require(kind)?;
        self.find(info, key)
            .await?
            .ok_or_else(|| Error::NotFound { kind: kind.clone(), key: key.clone() })
    }

    /// Reads all objects of a kind, of one namespace or of all, whose labels match.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], or the store failed.
    pub async fn list(
        &self,
        kind: &GroupKind,
        namespace: Option<&str>,
        selector: &Selector,
    ) -> Result<ObjectList, Error> {
        let info = self.registry().require(kind)?;
        let prefix = match namespace {
            Some(namespace) if info.namespaced => format!("{}{namespace}/", info.storage_prefix()),
            _ => info.storage_prefix(),
        };
        let found = self.store().range(RangeRequest::prefix(prefix)).await?;
        let mut items = found.kvs.iter().map(decode_stored).collect::<Result<Vec<_>, _>>()?;
        items.retain(|object| selector.matches_map(&object.metadata.labels));
        Ok(ObjectList { revision: found.revision, items })
    }

    pub(super) async fn find(
        &self,
        info: &KindInfo,
        key: &ObjectKey,
    ) -> Result<Option<Object>, Error> {
        let found = self.store().range(RangeRequest::key(info.storage_key(key))).await?;
        found.kvs.first().map(decode_stored).transpose()
    }
}
