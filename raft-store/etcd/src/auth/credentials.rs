//! What a request brings to show who sent it, and who that is.
//!
//! Place: every service takes its store from [`Shared::store`], so that no request reaches the state
//! without the caller it was sent by. While authentication is off nothing is looked at.

use super::TokenKind;
use crate::context::Shared;
use crate::errors::status;
use quorate_auth::Caller;
use quorate_member::Authorized;
use quorate_store::{AuthError, Error};
use std::sync::Arc;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

/// The common name of the certificate that a connection's client has proved to own: an extension of
/// its requests. Whoever terminates TLS puts it there, and only for certificates that were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientName(pub Arc<str>);

/// Where clients put a token, and where HTTP clients do.
const TOKEN: [&str; 2] = ["token", "authorization"];
/// Tells that the gateway passes a request on: its certificate is its own.
const FROM_GATEWAY: &str = "grpcgateway-accept";

/// What a request brings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    token: Option<String>,
    name: Option<ClientName>,
}

impl Credentials {
    pub(crate) fn of(metadata: &MetadataMap, extensions: &Extensions) -> Self {
        let token = TOKEN.iter().find_map(|key| metadata.get(*key));
        // What is no text is no token that was ever given out.
        let token = token.map(|token| token.to_str().unwrap_or_default());
        let token = token.map(|token| token.strip_prefix("Bearer ").unwrap_or(token).to_owned());
        let name = extensions.get::<ClientName>().cloned();
        let name = name.filter(|_| !metadata.contains_key(FROM_GATEWAY));
        Self { token, name }
    }
}

impl Shared {
    /// The store on behalf of whoever sent a request.
    pub(crate) async fn store(
        &self,
        metadata: &MetadataMap,
        extensions: &Extensions,
    ) -> Result<Authorized, Status> {
        if self.member.core().auth_gate() == 0 {
            return Ok(self.member.on_behalf(Caller::anonymous()));
        }
        self.store_for(&Credentials::of(metadata, extensions)).await.map_err(status)
    }

    /// The store on behalf of whoever these belong to.
    pub(crate) async fn store_for(&self, credentials: &Credentials) -> Result<Authorized, Error> {
        Ok(self.member.on_behalf(self.identify(credentials).await?))
    }

    async fn identify(&self, credentials: &Credentials) -> Result<Caller, Error> {
        let core = self.member.core();
        let gate = core.auth_gate();
        if gate == 0 {
            return Ok(Caller::anonymous());
        }
        match (&credentials.token, &credentials.name) {
            (Some(token), _) => match &self.options.auth.tokens {
                TokenKind::Simple { .. } => core.token_caller(token).await,
                TokenKind::Jwt(jwt) => {
                    let caller = jwt.verify(token, self.clock.wall());
                    caller.ok_or(AuthError::InvalidToken.into())
                }
            },
            (None, Some(ClientName(name))) if self.options.auth.client_names => {
                Ok(Caller::new(&**name, gate))
            }
            _ => Ok(Caller::anonymous()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &'static str)], name: Option<&str>) -> Credentials {
        let mut metadata = MetadataMap::new();
        for (key, value) in pairs {
            metadata.insert(*key, value.parse().unwrap());
        }
        let mut extensions = Extensions::new();
        if let Some(name) = name {
            extensions.insert(ClientName(name.into()));
        }
        Credentials::of(&metadata, &extensions)
    }

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        assert_eq!(of(&[("token", "a.1")], None).token.as_deref(), Some("a.1"));
        assert_eq!(of(&[("authorization", "a.1")], None).token.as_deref(), Some("a.1"));
        assert_eq!(of(&[("authorization", "Bearer a.1")], None).token.as_deref(), Some("a.1"));
        assert_eq!(of(&[], None).token, None);
    }

    #[test]
    fn the_gateways_certificate_is_nobodys_name() {
        assert_eq!(of(&[], Some("alice")).name, Some(ClientName("alice".into())));
        assert_eq!(of(&[("grpcgateway-accept", "*/*")], Some("alice")).name, None);
    }
}
