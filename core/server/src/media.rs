//! Media types: what a client takes, and in what form it sends.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE};

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    #[default]
    Json,
    Yaml,
}

/// What objects are turned into before they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    #[default]
    Object,
    /// Rows for people, in a version of `meta.k8s.io`.
    Table(&'static str),
    /// Only metadata.
    Partial(&'static str),
    /// The document of all groups, in a version of `apidiscovery.k8s.io`.
    Groups(&'static str),
}

/// The form and encoding that a client likes best among those that exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) encoding: Encoding,
    pub(crate) form: Form,
}

/// Reads the `Accept` header; `None` if nothing in it can be served.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Accepted> {
    let text = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text.trim().is_empty() {
        return Some(Accepted::default());
    }
    text.split(',').find_map(clause)
}

fn clause(text: &str) -> Option<Accepted> {
    let (kind, parameters) = split(text);
    let encoding = match kind {
        "application/json" | "*/*" | "application/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        _ => return None,
    };
    let of = |name: &str| {
        parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| *value)
    };
    let form = match (of("as"), of("g"), of("v")) {
        ("", _, _) => Form::Object,
        ("Table", "meta.k8s.io", "v1") => Form::Table("v1"),
        ("Table", "meta.k8s.io", "v1beta1") => Form::Table("v1beta1"),
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => {
            Form::Partial("v1")
        }
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1beta1") => {
            Form::Partial("v1beta1")
        }
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Form::Groups("v2"),
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1") => Form::Groups("v2beta1"),
        _ => return None,
    };
    Some(Accepted { encoding, form })
}

fn split(text: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let pairs = parts.filter_map(|part| part.split_once('='));
    (kind, pairs.map(|(key, value)| (key.trim(), value.trim().trim_matches('"'))).collect())
}

/// The media type of the body, without parameters; JSON if none is named.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = split(text).0.to_ascii_lowercase();
    if kind.is_empty() { "application/json".to_owned() } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Accepted> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, text.parse().unwrap());
        accepted(&headers)
    }

    #[test]
    fn the_first_form_that_exists_is_taken() {
        let table = of("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").unwrap();
        assert_eq!(table.form, Form::Table("v1"));
        let unknown = of("application/json;as=Table;v=v9;g=meta.k8s.io, application/json").unwrap();
        assert_eq!(unknown, Accepted::default());
        assert_eq!(of("application/yaml").unwrap().encoding, Encoding::Yaml);
        assert_eq!(
            of("application/vnd.kubernetes.protobuf,application/json"),
            Some(Accepted::default())
        );
        assert_eq!(of("text/html"), None);
    }
}
