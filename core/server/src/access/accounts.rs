//! Service accounts by their tokens: signed, bound to what they were made for, good for a while.
//!
//! Claims are those of Kubernetes: `sub` is the account's user name, `kubernetes.io` holds the uids of the
//! account and of the object that the token is bound to. All of them must still be there.

use super::{AuthenticateError, Authenticator, Credentials, Known, User};
use async_trait::async_trait;
use quorate_auth::jwt::{Algorithm, Error as JwtError, Jwt, KeyFiles};
use quorate_resources::{Error, GroupKind, Object, ObjectKey, Objects, Uid};
use serde_json::{Map, Value, json};
use std::time::Duration;
use thiserror::Error as ThisError;

/// Shortest life of a token, as in Kubernetes.
const MIN_SECONDS: i64 = 600;
/// Longest life of a token, as in Kubernetes.
const MAX_SECONDS: i64 = 1 << 32;
/// Life of a token unless it is told otherwise.
const SECONDS: i64 = 3600;
/// Where user's `extra` tells what a token is.
const EXTRA: &str = "authentication.kubernetes.io/";

/// Why a token cannot be made.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum TokenError {
    /// It shall live too short or too long.
    #[error("must be between {} and {} seconds, is {seconds}", MIN_SECONDS, MAX_SECONDS)]
    Life {
        /// What was asked for.
        seconds: i64,
    },
    /// It cannot be bound to that.
    #[error("{reason}")]
    Bound {
        /// What is wrong.
        reason: String,
    },
    /// The account or the object is another one than was meant.
    #[error(
        "the UID in the bound object reference ({given}) does not match the UID in record ({uid})"
    )]
    Uid {
        /// What was asked for.
        given: String,
        /// What there is.
        uid: String,
    },
    /// Signing failed.
    #[error(transparent)]
    Sign(#[from] JwtError),
    /// The account or the object cannot be read.
    #[error(transparent)]
    Objects(#[from] Error),
}

/// An object that a token is bound to: it is good only as long as that object is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundObject {
    /// `Pod`, `Secret` or `Node`.
    pub kind: String,
    /// Its name; in the account's namespace.
    pub name: String,
    /// Its identity; whichever has the name if empty.
    pub uid: String,
}

/// A token and when it ends, in seconds since 1970.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) ends: i64,
    pub(crate) seconds: i64,
    pub(crate) audiences: Vec<String>,
}

/// Gives out tokens of service accounts and knows them.
#[derive(Debug)]
pub struct AccountTokens {
    objects: Objects,
    jwt: Jwt,
    issuer: String,
    audiences: Vec<String>,
}

impl AccountTokens {
    /// Tokens of the accounts among some objects, signed with a key of the curve P-256 in PEM. The
    /// issuer is usually a URL; it is also whom tokens are for that are made out for nobody special.
    ///
    /// # Errors
    /// The key cannot be read, or is another curve's.
    pub fn new(objects: Objects, key: &[u8], issuer: impl Into<String>) -> Result<Self, JwtError> {
        let files = KeyFiles { private: Some(key), public: None };
        let jwt = Jwt::new(Algorithm::Es256, files, Duration::ZERO)?;
        let issuer = issuer.into();
        Ok(Self { objects, jwt, audiences: vec![issuer.clone()], issuer })
    }

    /// Whom tokens are for that are made out for nobody special.
    pub(crate) fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// Makes a token of an account for some audiences, or this API if there are none.
    pub(crate) async fn issue(
        &self,
        account: &ObjectKey,
        audiences: &[String],
        seconds: Option<i64>,
        bound: Option<&BoundObject>,
    ) -> Result<Issued, TokenError> {
        let seconds = seconds.unwrap_or(SECONDS);
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
            return Err(TokenError::Life { seconds });
        }
        let object = self.objects.get(&account_kind(), account).await?;
        let namespace = account.namespace.clone().unwrap_or_default();
        let mut own = Map::new();
        own.insert("namespace".to_owned(), json!(namespace));
        own.insert("serviceaccount".to_owned(), reference(&object));
        if let Some(bound) = bound {
            let found = self.bound(account, bound).await?;
            own.insert(bound.kind.to_lowercase(), reference(&found));
        }
        let audiences = if audiences.is_empty() { &self.audiences[..] } else { audiences };
        let seams = self.objects.seams();
        let now = seams.clock.wall().as_secs();
        let ends = now + seconds;
        let token = self.jwt.sign_claims(&json!({
            "aud": audiences, "exp": ends, "iat": now, "nbf": now, "iss": self.issuer,
            "jti": Uid::from_random(seams.random.next_u128()),
            "kubernetes.io": own,
            "sub": User::service_account(&namespace, &account.name).name,
        }))?;
        Ok(Issued { token, ends, seconds, audiences: audiences.to_vec() })
    }

    /// The object that a token is to be bound to, if it can be.
    async fn bound(&self, account: &ObjectKey, bound: &BoundObject) -> Result<Object, TokenError> {
        let kind = bound_kind(&bound.kind).ok_or_else(|| TokenError::Bound {
            reason: format!("cannot bind token to a {:?}: only to Pod, Secret or Node", bound.kind),
        })?;
        let found = self.objects.get(&kind, &key(&kind, account, &bound.name)).await?;
        let uid = text(&json!(found.metadata.uid));
        if !bound.uid.is_empty() && bound.uid != uid {
            return Err(TokenError::Uid { given: bound.uid.clone(), uid });
        }
        if kind.kind == "Pod" {
            let user = found.pointer("/spec/serviceAccountName").map(text);
            if user.as_deref().filter(|name| !name.is_empty()).unwrap_or("default") != account.name
            {
                let reason = format!(
                    "cannot bind token for serviceaccount {:?} to pod running with different \
                     serviceaccount name",
                    account.name
                );
                return Err(TokenError::Bound { reason });
            }
        }
        Ok(found)
    }

    /// Who a genuine token is.
    async fn known(
        &self,
        claims: &Map<String, Value>,
        wanted: &[String],
    ) -> Result<Known, AuthenticateError> {
        let refused = |reason: &str| AuthenticateError::Token { reason: reason.to_owned() };
        let wanted = if wanted.is_empty() { &self.audiences[..] } else { wanted };
        let audiences: Vec<String> = texts(claims.get("aud"));
        let audiences: Vec<String> =
            audiences.into_iter().filter(|audience| wanted.contains(audience)).collect();
        if audiences.is_empty() {
            return Err(refused("it is made out for another audience"));
        }
        let malformed = || refused("it lacks a claim");
        let own = claims.get("kubernetes.io").and_then(Value::as_object).ok_or_else(malformed)?;
        let namespace = own.get("namespace").map(text).ok_or_else(malformed)?;
        let account = own.get("serviceaccount").ok_or_else(malformed)?;
        let place = ObjectKey::namespaced(namespace.as_str(), text(&account["name"]).as_str());
        let mut user = User::service_account(&namespace, &place.name);
        if claims.get("sub").map(text).as_deref() != Some(user.name.as_str()) {
            return Err(refused("its subject is another account"));
        }
        user.uid = text(&account["uid"]);
        self.same(&account_kind(), &place, &user.uid).await?;
        for (field, bound) in own {
            if let Some(kind) = bound_kind_of_field(field) {
                let place = key(&kind, &place, &text(&bound["name"]));
                self.same(&kind, &place, &text(&bound["uid"])).await?;
                user.extra.insert(format!("{EXTRA}{field}-name"), vec![place.name]);
                user.extra.insert(format!("{EXTRA}{field}-uid"), vec![text(&bound["uid"])]);
            }
        }
        if let Some(id) = claims.get("jti") {
            user.extra.insert(format!("{EXTRA}credential-id"), vec![format!("JTI={}", text(id))]);
        }
        Ok(Known { user, audiences })
    }

    /// Refuses a token of an object that is gone, or is another one of the same name.
    async fn same(
        &self,
        kind: &GroupKind,
        key: &ObjectKey,
        uid: &str,
    ) -> Result<(), AuthenticateError> {
        let gone = || AuthenticateError::Token { reason: format!("{kind} {key} is gone") };
        let found = match self.objects.get(kind, key).await {
            Err(Error::NotFound { .. }) => return Err(gone()),
            found => found?,
        };
        if uid.is_empty() || text(&json!(found.metadata.uid)) != uid {
            return Err(gone());
        }
        Ok(())
    }
}

#[async_trait]
impl Authenticator for AccountTokens {
    async fn authenticate(
        &self,
        credentials: &Credentials,
    ) -> Result<Option<Known>, AuthenticateError> {
        let now = self.objects.seams().clock.wall();
        let token = credentials.token.as_deref();
        let claims = token.and_then(|token| self.jwt.verify_claims(token, now));
        let Some(claims) = claims else { return Ok(None) };
        if claims.get("iss").map(text).as_deref() != Some(self.issuer.as_str())
            || !claims.contains_key("exp")
        {
            return Ok(None);
        }
        self.known(&claims, &credentials.audiences).await.map(Some)
    }
}

fn account_kind() -> GroupKind {
    GroupKind::new("", "ServiceAccount")
}

/// The kinds that tokens can be bound to.
fn bound_kind(kind: &str) -> Option<GroupKind> {
    matches!(kind, "Pod" | "Secret" | "Node").then(|| GroupKind::new("", kind))
}

fn bound_kind_of_field(field: &str) -> Option<GroupKind> {
    let kind = ["Pod", "Secret", "Node"].into_iter().find(|kind| kind.to_lowercase() == field);
    kind.and_then(bound_kind)
}

fn key(kind: &GroupKind, account: &ObjectKey, name: &str) -> ObjectKey {
    let namespace = account.namespace.clone().filter(|_| kind.kind != "Node");
    ObjectKey { namespace, name: name.to_owned() }
}

fn reference(object: &Object) -> Value {
    json!({ "name": object.metadata.name, "uid": object.metadata.uid })
}

/// A text; empty if it is none.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A text, or all texts of a list.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(value) => vec![text(value)],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
