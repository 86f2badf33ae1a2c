//! Reading many objects, a page at a time and all pages at one revision.

use super::Objects;
use crate::{Error, GroupKind, Object, Revision, decode_stored};
use bytes::Bytes;
use quorate_store::{Consistency, KeyRange, RangeRequest};

/// Which objects to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Kind of the objects.
    pub kind: GroupKind,
    /// Their namespace; `None` for all.
    pub namespace: Option<String>,
    /// At which revision; [`Revision::NONE`] for the current one.
    pub revision: Revision,
    /// Where the last page ended ([`ObjectPage::next`]); `None` for the first page.
    pub after: Option<Bytes>,
    /// Most objects to read; zero for all.
    pub limit: usize,
    /// How fresh.
    pub consistency: Consistency,
}

impl PageRequest {
    /// All objects of a kind, now.
    #[must_use]
    pub fn new(kind: GroupKind, namespace: Option<&str>) -> Self {
        Self {
            kind,
            namespace: namespace.map(str::to_owned),
            revision: Revision::NONE,
            after: None,
            limit: 0,
            consistency: Consistency::Linearizable,
        }
    }
}

/// One page of objects.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectPage {
    /// Revision at which they were read.
    pub revision: Revision,
    /// The objects, by namespace and name.
    pub items: Vec<Object>,
    /// Where the page ended, if there is more.
    pub next: Option<Bytes>,
    /// Objects after this page.
    pub remaining: u64,
}

impl Objects {
    /// Reads a page.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], the revision is compacted or in the future, or the store failed.
    pub async fn page(&self, request: PageRequest) -> Result<ObjectPage, Error> {
        let all = self.key_range(&request.kind, request.namespace.as_deref())?;
        let range = match (request.after, all.end()) {
            (Some(after), Some(end)) if all.contains(&after) => KeyRange::Span(after, end),
            _ => all,
        };
        let mut read = RangeRequest::new(range).at(request.revision).limit(request.limit);
        read.consistency = request.consistency;
        let found = self.store().range(read).await?;
        let at = if request.revision == Revision::NONE { found.revision } else { request.revision };
        let items = found.kvs.iter().map(decode_stored).collect::<Result<Vec<_>, _>>()?;
        let next = found.kvs.last().filter(|_| found.more).map(|kv| following(&kv.key));
        let remaining = found.count.saturating_sub(u64::try_from(items.len()).unwrap_or(u64::MAX));
        Ok(ObjectPage { revision: at, items, next, remaining })
    }

    /// The keys of all objects of a kind, of one namespace or of all.
    ///
    /// # Errors
    /// [`Error::UnknownKind`].
    pub fn key_range(&self, kind: &GroupKind, namespace: Option<&str>) -> Result<KeyRange, Error> {
        let info = self.registry().require(kind)?;
        let prefix = match namespace {
            Some(namespace) if info.namespaced => format!("{}{namespace}/", info.storage_prefix()),
            _ => info.storage_prefix(),
        };
        Ok(KeyRange::prefix(prefix))
    }
}

/// The smallest key above a key.
fn following(key: &[u8]) -> Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into()
}
