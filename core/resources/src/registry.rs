//! Which kinds exist, and what is peculiar about each: data, not code per request.

use crate::custom::CustomKind;
use crate::kind::api_version;
use crate::object::split_api_version;
use crate::{
    Column, Error, FieldError, GroupKind, Kind, Object, ObjectKey, ScalePaths, decode, hint,
    storage,
};
use quorate_types::name::{self, NameError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// By which fields the items of a list are the same item, per name of the list.
///
/// The first field that every item has decides; a list without an entry is replaced as a whole.
pub type MergeKeys = &'static [(&'static str, &'static [&'static str])];

/// Everything the generic code needs to know about one kind.
#[derive(Clone, Debug)]
pub struct KindInfo {
    /// API group; empty for the core group.
    pub group: String,
    /// API version: `v1`.
    pub version: String,
    /// Kind: `Deployment`.
    pub kind: String,
    /// Plural in lower case: `deployments`.
    pub plural: String,
    /// Abbreviations: `deploy`.
    pub short_names: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether status is a subresource: `create` and `update` ignore it, `update_status` takes
    /// nothing else. Without it the kind has no status at all.
    pub status: bool,
    /// The rule for names.
    pub name_rule: fn(&str) -> Result<(), NameError>,
    /// Fills in what users may leave out; also derives status fields that follow from metadata.
    /// Must be idempotent.
    pub default: fn(&mut Object),
    /// Finds faults of a new object, or of a changed one beside the old one. Called only with
    /// objects that `check` has accepted.
    pub validate: fn(&Object, Option<&Object>) -> Vec<FieldError>,
    /// Strict typed decode: finds unknown and mistyped fields.
    pub check: fn(&Object) -> Result<(), FieldError>,
    /// `Some(seconds)` if deletion only marks the object and someone else finishes it after a
    /// grace period: pods that are bound to a node.
    pub graceful_delete: fn(&Object) -> Option<i64>,
    /// Whether something besides `metadata.finalizers` keeps a deleted object: the `spec.finalizers`
    /// of a namespace.
    pub held: fn(&Object) -> bool,
    /// How `apply` merges lists.
    pub merge_keys: MergeKeys,
    /// Groups of kinds that are listed together: `all`.
    pub categories: Vec<String>,
    /// How objects are listed for people; empty for name and age.
    pub columns: &'static [Column],
    /// Fields besides name and namespace by which objects can be selected: `status.phase`.
    pub selectable: &'static [&'static str],
    /// Where the replicas are, if the kind can be scaled.
    pub scale: Option<ScalePaths>,
    /// A structural schema and what comes with it; its rules come on top of the others.
    pub custom: Option<Arc<CustomKind>>,
}

impl KindInfo {
    /// A kind with nothing peculiar: names are DNS subdomains, status is a subresource, fields are
    /// checked against the type.
    #[must_use]
    pub fn of<K: Kind>() -> Self {
        Self {
            group: K::GROUP.to_owned(),
            version: K::VERSION.to_owned(),
            kind: K::KIND.to_owned(),
            plural: K::PLURAL.to_owned(),
            namespaced: K::NAMESPACED,
            check: check::<K>,
            ..Self::plain()
        }
    }

    /// A kind without a name and without a type.
    pub(crate) fn plain() -> Self {
        Self {
            group: String::new(),
            version: String::new(),
            kind: String::new(),
            plural: String::new(),
            short_names: Vec::new(),
            namespaced: false,
            status: true,
            name_rule: name::check_dns_subdomain,
            default: |_| {},
            validate: |_, _| Vec::new(),
            check: |_| Ok(()),
            graceful_delete: |_| None,
            held: |_| false,
            merge_keys: &[],
            categories: Vec::new(),
            columns: &[],
            selectable: &[],
            scale: None,
            custom: None,
        }
    }

    /// Group and kind.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(self.group.clone(), self.kind.clone())
    }

    /// Group and version as objects carry them.
    #[must_use]
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// The same kind with a structural schema: clients find it in the documents, its defaults are
    /// filled in, and objects that differ from it are refused.
    #[must_use]
    pub fn with_schema(mut self, schema: Value) -> Self {
        self.custom = Some(Arc::new(CustomKind::of(&self, schema)));
        self
    }

    /// Fills in what users may leave out.
    pub fn fill(&self, object: &mut Object) {
        (self.default)(object);
        if let Some(custom) = &self.custom {
            custom.fill(object);
        }
    }

    /// Finds faults of a new object, or of a changed one beside the old one.
    #[must_use]
    pub fn faults(&self, object: &Object, old: Option<&Object>) -> Vec<FieldError> {
        let mut faults = (self.validate)(object, old);
        faults.extend(self.custom.iter().flat_map(|custom| custom.faults(object)));
        faults
    }

    /// The kind in lower case, as people write it for one object.
    #[must_use]
    pub fn singular(&self) -> String {
        self.kind.to_lowercase()
    }

    /// Plural and group: `deployments.apps`.
    #[must_use]
    pub fn qualified_plural(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// The prefix of all keys of the kind: `/registry/apps/deployments/`.
    #[must_use]
    pub fn storage_prefix(&self) -> String {
        let group = if self.group.is_empty() { "core" } else { &self.group };
        format!("{}{group}/{}/", storage::ROOT, self.plural)
    }

    /// The key of one object.
    #[must_use]
    pub fn storage_key(&self, key: &ObjectKey) -> String {
        let prefix = self.storage_prefix();
        match &key.namespace {
            Some(namespace) if self.namespaced => format!("{prefix}{namespace}/{}", key.name),
            _ => format!("{prefix}{}", key.name),
        }
    }
}

/// Decodes an object into its type and refuses unknown fields.
///
/// # Errors
/// The first field that is unknown or has another type, by its full path.
pub fn check<K: Kind>(object: &Object) -> Result<(), FieldError> {
    decode::object::<K>(object, decode::Fields::KnownOnly).map(drop)
}

/// The kinds of one control plane.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    kinds: BTreeMap<GroupKind, KindInfo>,
    prefixes: BTreeMap<String, GroupKind>,
}

impl Registry {
    /// A registry without kinds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind.
    ///
    /// # Errors
    /// [`Error::KindExists`] if group and kind, or group and plural, are taken.
    pub fn register(&mut self, info: KindInfo) -> Result<(), Error> {
        let kind = info.group_kind();
        let prefix = info.storage_prefix();
        if self.kinds.contains_key(&kind) {
            return Err(Error::KindExists { kind, reason: "same group and kind".to_owned() });
        }
        if let Some(other) = self.prefixes.get(&prefix) {
            return Err(Error::KindExists { kind, reason: format!("same plural as {other}") });
        }
        self.prefixes.insert(prefix, kind.clone());
        self.kinds.insert(kind, info);
        Ok(())
    }

    /// The kind of a name, if it is registered.
    #[must_use]
    pub fn kind(&self, kind: &GroupKind) -> Option<&KindInfo> {
        self.kinds.get(kind)
    }

    /// The kind of a name.
    ///
    /// # Errors
    /// [`Error::UnknownKind`].
    pub fn require(&self, kind: &GroupKind) -> Result<&KindInfo, Error> {
        self.kind(kind).ok_or_else(|| self.unknown(&kind.group, &kind.kind))
    }

    /// All kinds, by group and name.
    pub fn kinds(&self) -> impl Iterator<Item = &KindInfo> {
        self.kinds.values()
    }

    /// The kind that an object claims to be.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], with the kind that was probably meant.
    pub fn resolve(&self, api_version: &str, kind: &str) -> Result<&KindInfo, Error> {
        let (group, version) = split_api_version(api_version);
        self.kind(&GroupKind::new(group, kind))
            .filter(|info| info.version == version)
            .ok_or_else(|| self.unknown(api_version, kind))
    }

    /// Finds a kind by plural, abbreviation, singular or kind, in any case: `deploy`, `Deployment`.
    #[must_use]
    pub fn by_name(&self, plural_or_short_or_kind: &str) -> Option<&KindInfo> {
        let name = plural_or_short_or_kind.to_lowercase();
        self.kinds().find(|info| {
            info.plural == name
                || info.kind.to_lowercase() == name
                || info.short_names.contains(&name)
                || format!("{}.{}", info.plural, info.group) == name
        })
    }

    /// The kind that a group, version and plural stand for.
    #[must_use]
    pub fn by_plural(&self, group: &str, version: &str, plural: &str) -> Option<&KindInfo> {
        self.kinds()
            .find(|info| info.plural == plural && info.group == group && info.version == version)
    }

    /// Which object a store key holds.
    #[must_use]
    pub fn parse_storage_key(&self, key: &[u8]) -> Option<(GroupKind, ObjectKey)> {
        let key = std::str::from_utf8(key).ok()?;
        let (group, rest) = key.strip_prefix(storage::ROOT)?.split_once('/')?;
        let (plural, rest) = rest.split_once('/')?;
        let prefix_length = storage::ROOT.len() + group.len() + plural.len() + 2;
        let kind = self.prefixes.get(&key[..prefix_length])?;
        let object = match (self.kinds.get(kind)?.namespaced, rest.split_once('/')) {
            (true, Some((namespace, name))) => ObjectKey::namespaced(namespace, name),
            (false, None) => ObjectKey::cluster(rest),
            _ => return None,
        };
        (!object.name.is_empty()).then(|| (kind.clone(), object))
    }

    fn unknown(&self, api_version: &str, kind: &str) -> Error {
        let hint = self
            .kinds()
            .find(|info| info.kind.eq_ignore_ascii_case(kind))
            .or_else(|| {
                let close = hint::closest(kind, self.kinds().map(|info| info.kind.as_str()))?;
                self.kinds().find(|info| info.kind == close)
            })
            .map(|info| {
                format!(", did you mean {:?} in apiVersion {:?}?", info.kind, info.api_version())
            })
            .unwrap_or_default();
        Error::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned(), hint }
    }
}
