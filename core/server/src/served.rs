//! What is served at the moment: the built-in kinds and those that definitions in the store add.
//!
//! Whenever a definition has changed since the last request, registry, schemas and documents are made
//! anew; requests under way keep what they began with.

use crate::dry_run::DryRun;
use crate::openapi::Documents;
use quorate_resources::custom::define;
use quorate_resources::schema::Schemas;
use quorate_resources::{Error, GroupKind, Object, Objects, PageRequest, Registry};
use quorate_store::{Consistency, RangeRequest, Sort, SortTarget};
use quorate_types::Revision;
use std::sync::{Arc, OnceLock};

/// Kinds, schemas and documents of one moment. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Served(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    objects: Objects,
    dry: Objects,
    mark: Mark,
    schemas: OnceLock<Schemas>,
    documents: OnceLock<Documents>,
}

/// How many definitions there are, and when one last changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    count: u64,
    changed: Revision,
}

/// The kind of definitions.
pub(crate) fn definition_kind() -> GroupKind {
    GroupKind::new("apiextensions.k8s.io", "CustomResourceDefinition")
}

impl Served {
    /// What is served without any definition.
    pub(crate) fn new(base: &Objects) -> Self {
        Self::with(base, Arc::clone(base.registry()), Mark::default())
    }

    fn with(base: &Objects, registry: Arc<Registry>, mark: Mark) -> Self {
        let objects = base.with_registry(registry);
        let dry = objects.over(Arc::new(DryRun(objects.store().clone())));
        let (schemas, documents) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Parts { objects, dry, mark, schemas, documents }))
    }

    /// What is to be served now; `None` if that has not changed.
    pub(crate) async fn renewed(&self, base: &Objects) -> Result<Option<Self>, Error> {
        let kind = definition_kind();
        if base.registry().kind(&kind).is_none() {
            return Ok(None);
        }
        let mut newest = RangeRequest::new(base.key_range(&kind, None)?).keys_only().limit(1);
        newest.sort = Some(Sort { target: SortTarget::ModRevision, descending: true });
        newest.consistency = Consistency::Serializable;
        let found = base.store().range(newest).await.map_err(Error::Store)?;
        let changed = found.kvs.first().map_or(Revision::NONE, |kv| kv.mod_revision);
        let mark = Mark { count: found.count, changed };
        if mark == self.0.mark {
            return Ok(None);
        }
        let definitions = base.page(PageRequest::new(kind, None)).await?.items;
        Ok(Some(Self::of_definitions(base, &definitions, mark)))
    }

    /// Definitions that collide with other kinds are passed over.
    fn of_definitions(base: &Objects, definitions: &[Object], mark: Mark) -> Self {
        let mut registry = Registry::clone(base.registry());
        for definition in definitions {
            let added = define(definition)
                .map_err(|fault| fault.to_string())
                .and_then(|info| registry.register(info).map_err(|error| error.to_string()));
            if let Err(reason) = added {
                tracing::warn!(name = definition.metadata.name, reason, "definition is not served");
            }
        }
        Self::with(base, Arc::new(registry), mark)
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.0.objects.registry()
    }

    /// The objects, or their likeness that writes nothing.
    pub(crate) fn objects(&self, dry_run: bool) -> &Objects {
        if dry_run { &self.0.dry } else { &self.0.objects }
    }

    pub(crate) fn schemas(&self) -> &Schemas {
        self.0.schemas.get_or_init(|| {
            let mut schemas = quorate_kinds::schemas();
            for info in self.registry().kinds() {
                let Some(custom) = &info.custom else { continue };
                let reversed: Vec<&str> = info.group.rsplit('.').collect();
                let name = format!("{}.{}.{}", reversed.join("."), info.version, info.kind);
                schemas.add(name.clone(), custom.schema.clone());
                schemas.root(info.group_kind(), name);
            }
            schemas
        })
    }

    pub(crate) fn documents(&self) -> &Documents {
        self.0.documents.get_or_init(|| Documents::new(self.registry(), self.schemas()))
    }
}
