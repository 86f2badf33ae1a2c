//! What somebody wants to do.

use std::fmt;

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection` or a special
    /// one such as `bind`; for paths the HTTP method in lower case.
    pub verb: String,
    /// With what.
    pub target: Target,
}

/// What something is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Objects.
    Resource(ResourceAction),
    /// A path that stands for no objects: `/version`.
    Path(String),
}

/// Objects that something is done with. Empty texts mean that nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceAction {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Plural: `pods`.
    pub resource: String,
    /// A part of the object: `log`.
    pub subresource: String,
    /// The namespace; empty for all, and for kinds that live in none.
    pub namespace: String,
    /// One object; empty for all.
    pub name: String,
}

impl ResourceAction {
    /// Resource and subresource as rules name them: `pods/log`.
    #[must_use]
    pub fn combined(&self) -> String {
        match self.subresource.as_str() {
            "" => self.resource.clone(),
            part => format!("{}/{part}", self.resource),
        }
    }
}

impl Action {
    /// Something done with all objects of a resource, in all namespaces.
    #[must_use]
    pub fn resource(verb: &str, group: &str, resource: &str) -> Self {
        let target = ResourceAction {
            group: group.to_owned(),
            resource: resource.to_owned(),
            ..ResourceAction::default()
        };
        Self { verb: verb.to_owned(), target: Target::Resource(target) }
    }

    /// Something done with a path.
    #[must_use]
    pub fn path(verb: &str, path: impl Into<String>) -> Self {
        Self { verb: verb.to_owned(), target: Target::Path(path.into()) }
    }

    /// The same in one namespace; paths have none.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        self.with(|target| namespace.clone_into(&mut target.namespace))
    }

    /// The same with one object; paths have none.
    #[must_use]
    pub fn on(self, name: &str) -> Self {
        self.with(|target| name.clone_into(&mut target.name))
    }

    /// The same with a part of objects; paths have none.
    #[must_use]
    pub fn part(self, subresource: &str) -> Self {
        self.with(|target| subresource.clone_into(&mut target.subresource))
    }

    fn with(mut self, change: impl FnOnce(&mut ResourceAction)) -> Self {
        if let Target::Resource(target) = &mut self.target {
            change(target);
        }
        self
    }
}

/// As the refusals of Kubernetes have it.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Path(path) => write!(f, "{} path {path:?}", self.verb),
            Target::Resource(target) => {
                let (resource, group) = (target.combined(), &target.group);
                write!(f, "{} resource {resource:?} in API group {group:?} ", self.verb)?;
                match target.namespace.as_str() {
                    "" => f.write_str("at the cluster scope"),
                    namespace => write!(f, "in the namespace {namespace:?}"),
                }
            }
        }
    }
}
