//! The handle that everything else holds.

use crate::{Admission, Registry, Term};
use quorate_seams::Seams;
use quorate_store::SharedStore;
use std::sync::Arc;

/// Objects of all registered kinds over one store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    pub(super) shared: Arc<Shared>,
    pub(super) fence: Option<Term>,
}

#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) store: SharedStore,
    pub(super) registry: Arc<Registry>,
    pub(super) seams: Seams,
    pub(super) plugins: Vec<Arc<dyn Admission>>,
}

impl Objects {
    /// Objects of the registered kinds over a store.
    #[must_use]
    pub fn new(store: SharedStore, registry: Arc<Registry>, seams: Seams) -> Self {
        let shared = Shared { store, registry, seams, plugins: Vec::new() };
        Self { shared: Arc::new(shared), fence: None }
    }

    /// The same objects with one more admission plugin; plugins run in the order they were added.
    #[must_use]
    pub fn with_admission(mut self, plugin: Arc<dyn Admission>) -> Self {
        Arc::make_mut(&mut self.shared).plugins.push(plugin);
        self
    }

    /// The same objects, every write bound to a leader's term: it is refused once another leader
    /// has been elected.
    #[must_use]
    pub fn fenced(&self, term: Option<Term>) -> Self {
        Self { shared: self.shared.clone(), fence: term }
    }

    /// The same objects over another handle of the same store, one that observes the requests for
    /// example.
    #[must_use]
    pub fn over(&self, store: SharedStore) -> Self {
        let mut objects = self.clone();
        Arc::make_mut(&mut objects.shared).store = store;
        objects
    }

    /// The same objects with other kinds.
    #[must_use]
    pub fn with_registry(&self, registry: Arc<Registry>) -> Self {
        let mut objects = self.clone();
        Arc::make_mut(&mut objects.shared).registry = registry;
        objects
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &SharedStore {
        &self.shared.store
    }

    /// The kinds.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.shared.registry
    }

    /// Clock, randomness and disk.
    #[must_use]
    pub fn seams(&self) -> &Seams {
        &self.shared.seams
    }
}
