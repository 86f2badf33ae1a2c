//! Acting as somebody else, for whoever is allowed to.

use super::{Action, Caller, User};
use crate::failure::Failure;
use crate::query::decode;
use hyper::HeaderMap;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
/// Group of what can be impersonated besides users, groups and service accounts.
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The caller as whom the request is made: the one that its headers name, if the real one may be that.
pub(crate) async fn impersonated(caller: Caller, headers: &HeaderMap) -> Result<Caller, Failure> {
    let Some(mut wanted) = wanted(headers)? else { return Ok(caller) };
    for action in actions(&wanted) {
        caller.may(&action).await?;
    }
    complete(&mut wanted);
    tracing::debug!(user = caller.user.name, as_user = wanted.name, "a user is impersonated");
    Ok(Caller { user: wanted, ..caller })
}

/// Who the headers name.
fn wanted(headers: &HeaderMap) -> Result<Option<User>, Failure> {
    let mut user = User::default();
    let mut any = false;
    for (name, value) in headers {
        let name = name.as_str();
        if !name.starts_with("impersonate-") {
            continue;
        }
        let text = value.to_str().map(str::to_owned);
        let text = text.map_err(|_| Failure::bad(format!("header {name} is no text")))?;
        any = true;
        match (name, name.strip_prefix(EXTRA)) {
            (USER, _) => user.name = text,
            (GROUP, _) => user.groups.push(text),
            (UID, _) => user.uid = text,
            (_, Some(key)) => user.extra.entry(decode(key, false)).or_default().push(text),
            _ => return Err(Failure::bad(format!("header {name} is not known"))),
        }
    }
    if any && user.name.is_empty() {
        return Err(Failure::bad("groups, uid or extra are impersonated without a user: name one"));
    }
    Ok(any.then_some(user))
}

/// What one must be allowed to do to be that user.
fn actions(user: &User) -> Vec<Action> {
    let action = |group, resource| Action::resource("impersonate", group, resource);
    let own = match user.as_service_account() {
        Some((namespace, name)) => action("", "serviceaccounts").in_namespace(namespace).on(name),
        None => action("", "users").on(&user.name),
    };
    let groups = user.groups.iter().map(|group| action("", "groups").on(group));
    let uid = Some(&user.uid).filter(|uid| !uid.is_empty());
    let uid = uid.map(|uid| action(AUTHENTICATION, "uids").on(uid));
    let extra = user.extra.iter().flat_map(|(key, values)| {
        values.iter().map(move |value| action(AUTHENTICATION, "userextras").part(key).on(value))
    });
    std::iter::once(own).chain(groups).chain(uid).chain(extra).collect()
}

/// Adds the groups that such a user is always in.
fn complete(user: &mut User) {
    if let Some((namespace, name)) = user.as_service_account()
        && user.groups.is_empty()
    {
        user.groups = User::service_account(namespace, name).groups;
    }
    user.authenticated();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn every_part_of_another_user_must_be_allowed() {
        let headers = headers(&[
            ("impersonate-user", "bob"),
            ("impersonate-group", "dev"),
            ("impersonate-group", "ops"),
            ("impersonate-uid", "7"),
            ("impersonate-extra-example.com%2fteam", "a"),
        ]);
        let mut user = wanted(&headers).unwrap().unwrap();
        let told: Vec<String> = actions(&user).iter().map(ToString::to_string).collect();
        let expected = [
            ("users", ""),
            ("groups", ""),
            ("groups", ""),
            ("uids", AUTHENTICATION),
            ("userextras/example.com/team", AUTHENTICATION),
        ];
        let expected = expected.map(|(resource, group)| {
            format!("impersonate resource {resource:?} in API group {group:?} at the cluster scope")
        });
        assert_eq!(told, expected);
        complete(&mut user);
        assert_eq!(user.groups, ["dev", "ops", "system:authenticated"]);
    }

    #[test]
    fn a_service_account_is_one_and_brings_its_groups() {
        let mut user = wanted(&headers(&[(USER, "system:serviceaccount:a:b")])).unwrap().unwrap();
        let expected = Action::resource("impersonate", "", "serviceaccounts");
        assert_eq!(actions(&user), [expected.in_namespace("a").on("b")]);
        complete(&mut user);
        let groups = ["system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"];
        assert_eq!(user.groups, groups);
        let mut nobody = User::new("system:anonymous");
        complete(&mut nobody);
        assert_eq!(nobody.groups, ["system:unauthenticated"]);
    }

    #[test]
    fn groups_without_a_user_and_unknown_headers_are_refused() {
        assert!(wanted(&headers(&[])).unwrap().is_none());
        assert!(wanted(&headers(&[("impersonate-group", "system:masters")])).is_err());
        assert!(wanted(&headers(&[(USER, "a"), ("impersonate-power", "all")])).is_err());
    }
}
