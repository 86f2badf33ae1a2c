//! What a path stands for.

use crate::query::decode;
use quorate_resources::{KindInfo, Registry};

/// Objects of a kind, one of them, or a part of one.
#[derive(Clone, Debug)]
pub(crate) struct Target<'r> {
    pub(crate) info: &'r KindInfo,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl Target<'_> {
    /// Whether it is what a pod has printed.
    pub(crate) fn is_pod_log(&self) -> bool {
        let pod = self.info.group.is_empty() && self.info.kind == "Pod";
        pod && self.subresource.as_deref() == Some("log")
    }
}

/// Reviews of a sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReviewTarget {
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) namespace: Option<String>,
}

/// What a path stands for.
#[derive(Clone, Debug)]
pub(crate) enum Route<'r> {
    Version,
    /// `healthz`, `livez` or `readyz`, and the single check that is asked for.
    Health(&'static str, Option<String>),
    /// `/api` and `/apis`.
    Core,
    Groups,
    Group(String),
    /// A group (empty for the core) and version.
    GroupVersion(String, String),
    OpenApiIndex,
    /// A group and version.
    OpenApi(String, String),
    /// Objects.
    Objects(Target<'r>),
    /// A review: nothing is stored, the answer is worked out.
    Review(ReviewTarget),
    Nothing,
}

/// Finds what a path stands for.
pub(crate) fn route<'r>(path: &str, registry: &'r Registry) -> Route<'r> {
    let parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(|part| decode(part, false)).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let owned = |text: &&str| (*text).to_owned();
    match &parts[..] {
        ["version"] => Route::Version,
        ["healthz", rest @ ..] => Route::Health("healthz", rest.first().map(owned)),
        ["livez", rest @ ..] => Route::Health("livez", rest.first().map(owned)),
        ["readyz", rest @ ..] => Route::Health("readyz", rest.first().map(owned)),
        ["api"] => Route::Core,
        ["apis"] => Route::Groups,
        ["apis", group] => Route::Group(owned(group)),
        ["api", version] => Route::GroupVersion(String::new(), owned(version)),
        ["apis", group, version] => Route::GroupVersion(owned(group), owned(version)),
        ["openapi", "v3"] => Route::OpenApiIndex,
        ["openapi", "v3", "api", version] => Route::OpenApi(String::new(), owned(version)),
        ["openapi", "v3", "apis", group, version] => Route::OpenApi(owned(group), owned(version)),
        ["api", version, rest @ ..] => objects("", version, rest, registry),
        ["apis", group, version, rest @ ..] => objects(group, version, rest, registry),
        _ => Route::Nothing,
    }
}

fn objects<'r>(group: &str, version: &str, rest: &[&str], registry: &'r Registry) -> Route<'r> {
    if let ("authorization.k8s.io" | "authentication.k8s.io", "v1") = (group, version) {
        let review = |namespace: Option<&str>, plural: &str| {
            let (group, plural) = (group.to_owned(), plural.to_owned());
            Route::Review(ReviewTarget { group, plural, namespace: namespace.map(str::to_owned) })
        };
        return match rest {
            [plural] => review(None, plural),
            ["namespaces", namespace, plural] => review(Some(namespace), plural),
            _ => Route::Nothing,
        };
    }
    let find = |plural: &str| registry.by_plural(group, version, plural);
    let target = |info: &'r KindInfo, namespace: Option<&str>, rest: &[&str]| {
        let at = |index: usize| rest.get(index).map(|part| (*part).to_owned());
        let namespace = namespace.map(str::to_owned);
        let target = Target { info, namespace, name: at(0), subresource: at(1) };
        if rest.len() > 2 { Route::Nothing } else { Route::Objects(target) }
    };
    match rest {
        ["namespaces", namespace, plural, rest @ ..] => {
            if let Some(info) = find(plural).filter(|info| info.namespaced) {
                return target(info, Some(namespace), rest);
            }
            match find("namespaces") {
                Some(info) if rest.is_empty() => target(info, None, &[namespace, plural]),
                _ => Route::Nothing,
            }
        }
        [plural, rest @ ..] => match find(plural) {
            Some(info) if !info.namespaced || rest.is_empty() => target(info, None, rest),
            _ => Route::Nothing,
        },
        [] => Route::Nothing,
    }
}
