//! What a request can fail with, and the `Status` that clients read.
//!
//! Codes, reasons and the texts that clients look at are those of the Kubernetes API.

use crate::access::{Action, Target};
use quorate_resources::ownership::Conflict;
use quorate_resources::patch::PatchError;
use quorate_resources::{Error, FieldError, FieldReason, GroupKind, Registry};
use serde_json::{Map, Value, json};
use thiserror::Error as ThisError;

/// Why a request is refused or has failed.
#[derive(Debug, ThisError)]
pub(crate) enum Failure {
    /// The objects' rules refuse it, or the store failed.
    #[error(transparent)]
    Objects(#[from] Error),
    /// The patch is malformed or does not fit.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// Nothing is served at the path.
    #[error("the server could not find the requested resource")]
    NoSuchPath,
    /// The resource has no such verb.
    #[error("the server does not allow this method on the requested resource")]
    NoSuchVerb,
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The body is in a form that is not understood.
    #[error(
        "the body of the request was in an unknown format - accepted media types include: {accepted}"
    )]
    MediaType {
        /// What would be understood.
        accepted: &'static str,
    },
    /// No form that the client takes can be produced.
    #[error("only the following media types are accepted: application/json, application/yaml")]
    NotAcceptable,
    /// The body is too large.
    #[error("Request entity too large: limit is {limit}")]
    BodyTooLarge {
        /// Most bytes.
        limit: usize,
    },
    /// History that was asked for is gone.
    #[error("{message}")]
    Expired {
        /// What to do.
        message: String,
        /// A token with which the rest of the list can be read at a newer revision.
        fresh: Option<String>,
    },
    /// The revision that was asked for does not exist yet.
    #[error("Timeout: Too large resource version: {requested}, current: {current}")]
    Future {
        /// Revision asked for.
        requested: i64,
        /// The store's.
        current: i64,
    },
    /// Nobody knows who asks.
    #[error("Unauthorized")]
    Unauthorized,
    /// Who asks may not do that.
    #[error("{}", forbidden_message(user, action, reason))]
    Forbidden {
        /// Who asks.
        user: String,
        /// What was wanted.
        action: Action,
        /// What else there is to say; may be empty.
        reason: String,
    },
    /// A disruption budget forbids it for now.
    #[error("Cannot evict pod as it would violate the pod's disruption budget.")]
    Disruption {
        /// Which budget, and what it lacks.
        cause: String,
        /// When to ask again; zero leaves that to the client.
        retry_seconds: u32,
    },
    /// What is stored makes the request impossible.
    #[error("{0}")]
    Internal(String),
    /// Applied fields belong to others.
    #[error("{}", apply_message(.0))]
    Apply(Vec<Conflict>),
}

impl Failure {
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::BadRequest(message.into())
    }

    pub(crate) fn parameter(name: &str, text: &str, rule: &str) -> Self {
        Self::BadRequest(format!("parameter {name} is {text:?}: {rule}"))
    }

    /// HTTP status code.
    pub(crate) fn code(&self) -> u16 {
        self.class().0
    }

    fn class(&self) -> (u16, &'static str) {
        match self {
            Self::Objects(error) => object_class(error),
            Self::Patch(PatchError::Inapplicable(_)) => (422, "Invalid"),
            Self::Patch(_) | Self::BadRequest(_) => (400, "BadRequest"),
            Self::NoSuchPath => (404, "NotFound"),
            Self::NoSuchVerb => (405, "MethodNotAllowed"),
            Self::MediaType { .. } => (415, "UnsupportedMediaType"),
            Self::NotAcceptable => (406, "NotAcceptable"),
            Self::BodyTooLarge { .. } => (413, "RequestEntityTooLarge"),
            Self::Expired { .. } => (410, "Expired"),
            Self::Future { .. } => (504, "Timeout"),
            Self::Disruption { .. } => (429, "TooManyRequests"),
            Self::Internal(_) => (500, "InternalError"),
            Self::Apply(_) => (409, "Conflict"),
            Self::Unauthorized => (401, "Unauthorized"),
            Self::Forbidden { .. } => (403, "Forbidden"),
        }
    }

    /// The `Status` object.
    pub(crate) fn status(&self, registry: &Registry) -> Value {
        let (code, reason) = self.class();
        let (message, details) = match self {
            Self::Objects(error) => {
                (object_message(error, registry), object_details(error, registry))
            }
            _ => (self.to_string(), self.details()),
        };
        let mut metadata = Map::new();
        if let Self::Expired { fresh: Some(token), .. } = self {
            metadata.insert("continue".to_owned(), json!(token));
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": metadata,
            "status": "Failure", "message": message, "reason": reason, "code": code,
        });
        if !details.is_empty() {
            status["details"] = Value::Object(details);
        }
        status
    }

    fn details(&self) -> Map<String, Value> {
        let details = match self {
            Self::Apply(conflicts) => {
                json!({ "causes": conflicts.iter().map(apply_cause).collect::<Vec<_>>() })
            }
            Self::Future { .. } => json!({
                "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
                "retryAfterSeconds": 1,
            }),
            Self::Forbidden { action, .. } => forbidden_details(action),
            Self::Disruption { cause, retry_seconds } => {
                let causes = json!([{ "reason": "DisruptionBudget", "message": cause }]);
                match retry_seconds {
                    0 => json!({ "causes": causes }),
                    seconds => json!({ "causes": causes, "retryAfterSeconds": seconds }),
                }
            }
            _ => return Map::new(),
        };
        details.as_object().cloned().unwrap_or_default()
    }
}

fn forbidden_message(user: &str, action: &Action, reason: &str) -> String {
    let what = match &action.target {
        Target::Path(_) => String::new(),
        Target::Resource(target) => {
            let group = if target.group.is_empty() { "" } else { "." };
            let name = match target.name.as_str() {
                "" => String::new(),
                name => format!(" {name:?}"),
            };
            format!("{}{group}{}{name} is ", target.resource, target.group)
        }
    };
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("{what}forbidden: User {user:?} cannot {action}{reason}")
}

fn forbidden_details(action: &Action) -> Value {
    let Target::Resource(target) = &action.target else { return json!({}) };
    let mut details = json!({ "kind": target.resource });
    for (field, text) in [("name", &target.name), ("group", &target.group)] {
        if !text.is_empty() {
            details[field] = json!(text);
        }
    }
    details
}

fn apply_message(conflicts: &[Conflict]) -> String {
    let of = |conflict: &Conflict| format!("conflict with {}: {}", quoted(conflict), conflict.path);
    match conflicts {
        [one] => format!("Apply failed with 1 conflict: {}", of(one)),
        many => {
            let lines: Vec<String> = many.iter().map(|one| format!("- {}", of(one))).collect();
            format!("Apply failed with {} conflicts:\n{}", many.len(), lines.join("\n"))
        }
    }
}

fn quoted(conflict: &Conflict) -> String {
    let version = if conflict.operation == "Update" || !conflict.subresource.is_empty() {
        format!(" using {}", conflict.api_version)
    } else {
        String::new()
    };
    let part = match conflict.subresource.as_str() {
        "" => String::new(),
        name => format!(" with subresource {name:?}"),
    };
    format!("{:?}{part}{version}", conflict.manager)
}

fn apply_cause(conflict: &Conflict) -> Value {
    json!({
        "reason": "FieldManagerConflict",
        "message": format!("conflict with {}", quoted(conflict)),
        "field": conflict.path,
    })
}

fn object_class(error: &Error) -> (u16, &'static str) {
    use quorate_store::Error as Store;
    match error {
        Error::NotFound { .. } | Error::NamespaceMissing { .. } | Error::UnknownKind { .. } => {
            (404, "NotFound")
        }
        Error::AlreadyExists { .. } => (409, "AlreadyExists"),
        Error::Conflict { .. } | Error::Contended { .. } | Error::Twice { .. } => (409, "Conflict"),
        Error::Invalid { causes, .. } if undecodable(causes) => (400, "BadRequest"),
        Error::Invalid { .. } => (422, "Invalid"),
        Error::NamespaceTerminating { .. } | Error::Denied { .. } => (403, "Forbidden"),
        Error::TooLarge { .. } => (413, "RequestEntityTooLarge"),
        Error::Store(Store::Compacted { .. }) => (410, "Expired"),
        Error::Store(Store::FutureRevision { .. } | Store::Timeout) => (504, "Timeout"),
        Error::Store(error) if error.is_transient() => (503, "ServiceUnavailable"),
        _ => (500, "InternalError"),
    }
}

/// Whether the object is none of its kind at all, rather than one that breaks rules.
fn undecodable(causes: &[FieldError]) -> bool {
    matches!(causes, [one] if matches!(one.reason, FieldReason::Type | FieldReason::Unknown))
}

/// Plural and group of a kind: `deployments.apps`.
fn resource(kind: &GroupKind, registry: &Registry) -> String {
    registry.kind(kind).map_or_else(
        || kind.to_string().to_lowercase(),
        quorate_resources::KindInfo::qualified_plural,
    )
}

fn object_message(error: &Error, registry: &Registry) -> String {
    let named = |kind: &GroupKind, name: &str| format!("{} {name:?}", resource(kind, registry));
    match error {
        Error::NotFound { kind, key } => format!("{} not found", named(kind, &key.name)),
        Error::NamespaceMissing { namespace, .. } => format!("namespaces {namespace:?} not found"),
        Error::AlreadyExists { kind, key } => format!("{} already exists", named(kind, &key.name)),
        Error::Conflict { kind, key, reason } => format!(
            "Operation cannot be fulfilled on {}: the object has been modified ({reason}); please \
             apply your changes to the latest version and try again",
            named(kind, &key.name)
        ),
        Error::Invalid { kind, causes, .. } if undecodable(causes) => {
            let texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
            format!("{0} cannot be handled as a {0}: {1}", kind.kind, texts.join(", "))
        }
        Error::Invalid { kind, key, causes } => {
            let texts: Vec<String> = causes.iter().map(cause_text).collect();
            let texts = match &texts[..] {
                [one] => one.clone(),
                many => format!("[{}]", many.join(", ")),
            };
            format!("{kind} {:?} is invalid: {texts}", key.name)
        }
        Error::NamespaceTerminating { kind, key, namespace } => format!(
            "{} is forbidden: unable to create new content in namespace {namespace} because it is \
             being terminated",
            named(kind, &key.name)
        ),
        Error::Denied { kind, key, reason } => {
            format!("{} is forbidden: {reason}", named(kind, &key.name))
        }
        other => other.to_string(),
    }
}

fn cause_text(cause: &FieldError) -> String {
    let class = match cause.reason {
        FieldReason::Required => "Required value",
        FieldReason::Duplicate => "Duplicate value",
        FieldReason::TooLong => "Too long",
        FieldReason::NotSupported => "Unsupported value",
        _ => "Invalid value",
    };
    let path = if cause.path.is_empty() { "<object>" } else { &cause.path };
    format!("{path}: {class}: {}", cause.message)
}

fn cause(cause: &FieldError) -> Value {
    let reason = match cause.reason {
        FieldReason::Required => "FieldValueRequired",
        FieldReason::Duplicate => "FieldValueDuplicate",
        FieldReason::TooLong => "FieldValueTooLong",
        FieldReason::NotSupported => "FieldValueNotSupported",
        FieldReason::Type => "FieldValueTypeInvalid",
        _ => "FieldValueInvalid",
    };
    let text = cause_text(cause);
    let message = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
    json!({ "reason": reason, "message": message, "field": cause.path })
}

fn object_details(error: &Error, registry: &Registry) -> Map<String, Value> {
    let of = |kind: &GroupKind, name: &str, plural: bool| {
        let word = registry.kind(kind).filter(|_| plural).map_or(&kind.kind, |info| &info.plural);
        let mut details = Map::new();
        details.insert("name".to_owned(), json!(name));
        if !kind.group.is_empty() {
            details.insert("group".to_owned(), json!(kind.group));
        }
        details.insert("kind".to_owned(), json!(word));
        details
    };
    match error {
        Error::NotFound { kind, key }
        | Error::AlreadyExists { kind, key }
        | Error::Conflict { kind, key, .. }
        | Error::Contended { kind, key, .. }
        | Error::Denied { kind, key, .. } => of(kind, &key.name, true),
        Error::NamespaceMissing { namespace, .. } => {
            of(&GroupKind::new("", "Namespace"), namespace, true)
        }
        Error::NamespaceTerminating { kind, key, namespace } => {
            let mut details = of(kind, &key.name, true);
            details.insert(
                "causes".to_owned(),
                json!([{
                    "reason": "NamespaceTerminating", "field": "metadata.namespace",
                    "message": format!("namespace {namespace} is being terminated"),
                }]),
            );
            details
        }
        Error::Invalid { kind, key, causes } => {
            let mut details = of(kind, &key.name, false);
            let causes: Vec<Value> = causes.iter().map(cause).collect();
            details.insert("causes".to_owned(), json!(causes));
            details
        }
        Error::Store(quorate_store::Error::FutureRevision { .. }) => {
            Map::from_iter([("retryAfterSeconds".to_owned(), json!(1))])
        }
        _ => Map::new(),
    }
}
