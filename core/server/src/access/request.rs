//! What a request wants to do, from the route that it is about to take.

use super::{Action, ResourceAction, Target};
use crate::call::Call;
use crate::query::decode;
use crate::route::{self, Route};
use crate::select;
use hyper::Method;

/// What a request wants to do. Taken from its route, so that nothing else can be done than was judged.
pub(crate) fn action(call: &Call, route: &Route<'_>) -> Action {
    let target = match route {
        Route::Objects(target) => of_target(target),
        Route::Review(review) => ResourceAction {
            group: review.group.clone(),
            version: "v1".to_owned(),
            resource: review.plural.clone(),
            namespace: review.namespace.clone().unwrap_or_default(),
            ..ResourceAction::default()
        },
        // Nothing will be found there, but who may know?
        Route::Nothing => match of_path(&call.path) {
            Some(target) => target,
            None => return path(call),
        },
        _ => return path(call),
    };
    let (verb, name) = verb(call, &target);
    Action { verb, target: Target::Resource(ResourceAction { name, ..target }) }
}

fn path(call: &Call) -> Action {
    let parts: Vec<String> = parts(&call.path).collect();
    Action::path(&call.method.as_str().to_ascii_lowercase(), format!("/{}", parts.join("/")))
}

fn parts(path: &str) -> impl Iterator<Item = String> {
    path.split('/').filter(|part| !part.is_empty()).map(|part| decode(part, false))
}

/// A namespace counts as being in itself.
fn of_target(target: &route::Target<'_>) -> ResourceAction {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let info = target.info;
    let own = info.group.is_empty() && info.kind == "Namespace";
    ResourceAction {
        group: info.group.clone(),
        version: info.version.clone(),
        resource: info.plural.clone(),
        subresource: text(&target.subresource),
        namespace: if own { text(&target.name) } else { text(&target.namespace) },
        name: text(&target.name),
    }
}

/// The resource that a path would stand for if there were one.
fn of_path(path: &str) -> Option<ResourceAction> {
    let parts: Vec<String> = parts(path).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, version, rest) = match &parts[..] {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        [] => return None,
        rest => ("", rest),
    };
    let at = |index: usize| rest.get(index).map(|part| (*part).to_owned()).unwrap_or_default();
    Some(ResourceAction {
        group: group.to_owned(),
        version: version.to_owned(),
        resource: at(0),
        subresource: at(2),
        namespace: namespace.to_owned(),
        name: at(1),
    })
}

/// The verb, and the one object that it is about: a list may be of one object, too.
fn verb(call: &Call, target: &ResourceAction) -> (String, String) {
    let named = !target.name.is_empty();
    // What is no flag fails later.
    let watch = call.query.flag("watch").unwrap_or(true);
    let verb = match call.method {
        Method::GET if watch && target.subresource.is_empty() => "watch",
        Method::GET if named => "get",
        Method::GET => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ => return (call.method.as_str().to_ascii_lowercase(), target.name.clone()),
    };
    let one = match verb {
        "list" | "watch" if !named => select::one_name(&call.query),
        _ => None,
    };
    (verb.to_owned(), one.unwrap_or_else(|| target.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Access, Caller, User};
    use crate::route::route;
    use hyper::Request;
    use std::sync::Arc;

    fn told(method: &str, uri: &str) -> String {
        let (head, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        let caller = Caller { user: User::admin(), access: Arc::new(Access::open()) };
        let call = Call::read(&head, caller).unwrap();
        let registry = quorate_kinds::registry();
        let action = action(&call, &route(&call.path, &registry));
        match &action.target {
            Target::Resource(target) if !target.name.is_empty() => {
                format!("{action} named {}", target.name)
            }
            _ => action.to_string(),
        }
    }

    #[test]
    fn what_a_request_wants_is_what_its_route_does() {
        let core = "in API group \"\"";
        let cases = [
            ("GET", "/api/v1/pods", format!("list resource \"pods\" {core} at the cluster scope")),
            ("GET", "/api/v1/pods?watch=1", format!("watch resource \"pods\" {core} at the cluster scope")),
            ("GET", "/api/v1//pods?watch=0", format!("list resource \"pods\" {core} at the cluster scope")),
            (
                "GET",
                "/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx",
                format!("list resource \"pods\" {core} in the namespace \"a\" named x"),
            ),
            ("GET", "/api/v1/namespaces/a", format!("get resource \"namespaces\" {core} in the namespace \"a\" named a")),
            ("GET", "/api/v1/namespaces", format!("list resource \"namespaces\" {core} at the cluster scope")),
            ("PUT", "/api/v1/namespaces/a/finalize", format!("update resource \"namespaces/finalize\" {core} in the namespace \"a\" named a")),
            ("GET", "/api/v1/namespaces/a/pods/x/log", format!("get resource \"pods/log\" {core} in the namespace \"a\" named x")),
            ("GET", "/api/v1/namespaces/a/pods/x?watch=true", format!("watch resource \"pods\" {core} in the namespace \"a\" named x")),
            ("DELETE", "/api/v1/namespaces/a/pods", format!("deletecollection resource \"pods\" {core} in the namespace \"a\"")),
            ("DELETE", "/api/v1/nodes/n", format!("delete resource \"nodes\" {core} at the cluster scope named n")),
            ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", "patch resource \"deployments/scale\" in API group \"apps\" in the namespace \"a\" named d".to_owned()),
            ("POST", "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews", "create resource \"localsubjectaccessreviews\" in API group \"authorization.k8s.io\" in the namespace \"a\"".to_owned()),
            ("GET", "/apis/none/v1/namespaces/a/things/x/y", "get resource \"things/y\" in API group \"none\" in the namespace \"a\" named x".to_owned()),
            ("GET", "/apis/none/v1/namespaces/a/b/c/d/e", "get resource \"b/d\" in API group \"none\" in the namespace \"a\" named c".to_owned()),
            ("GET", "/api", "get path \"/api\"".to_owned()),
            ("GET", "/apis/apps/v1/", "get path \"/apis/apps/v1\"".to_owned()),
            ("GET", "//healthz/%70ing", "get path \"/healthz/ping\"".to_owned()),
            ("POST", "/version", "post path \"/version\"".to_owned()),
        ];
        for (method, uri, expected) in cases {
            assert_eq!(told(method, uri), expected, "{method} {uri}");
        }
    }
}
