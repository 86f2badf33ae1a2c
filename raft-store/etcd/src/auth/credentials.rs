//! What a request brings to show who sent it, and who that is.
//!
//! Place: every service takes its store from [`Shared::store`], so that no request reaches the state
//! without the caller it was sent by. While authentication is off nothing is looked at.

use super::TokenKind;
use crate::context::Shared;
use crate::errors::status;
use quorate_auth::Caller;
use quorate_member::Authorized;
use quorate_member::net::Caller as Connection;
use quorate_store::{AuthError, Error};
use std::sync::Arc;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

/// The common name of the certificate that a connection's client has proved to own: an extension of
/// its requests, for who terminates TLS himself and only for certificates that were verified. What
/// [`crate::Listener`] accepts needs it not.
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
        let shown = || extensions.get::<Connection>()?.common_name.clone();
        let name = extensions.get::<ClientName>().cloned();
        let name = name.or_else(|| shown().map(|name| ClientName(name.into())));
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_certificate_says_who_somebody_is_where_that_is_wanted_and_no_token_says_otherwise() {
        use crate::context::ServerOptions;
        use quorate_auth::AuthChange;
        use quorate_member::{Member, MemberOptions, Timing};
        use quorate_seams::Seams;
        use quorate_types::{ClusterId, MemberId};
        let (dir, seams) = (tempfile::tempdir().unwrap(), Seams::system());
        let listen = "127.0.0.1:0".parse().unwrap();
        let options = MemberOptions::new(ClusterId(7), MemberId(1), dir.path().join("m"), listen);
        let member = Member::start(options.timing(Timing::fast()), seams.clone()).await.unwrap();
        let serving = |client_names| {
            let mut options = ServerOptions::default();
            options.auth.client_names = client_names;
            Shared::new(&member, seams.clock.clone(), options)
        };
        let certified = of(&[], Some("root"));
        let both = of(&[("token", "nobody.1")], Some("root"));
        let caller = async |shared: &Shared, it| Ok(shared.store_for(it).await?.caller().clone());
        let (trusting, not) = (serving(true), serving(false));
        let before: Result<_, Error> = caller(&trusting, &certified).await;
        assert_eq!(before, Ok(Caller::anonymous()), "nothing is checked yet");
        for change in [
            AuthChange::UserAdd { name: "root".into(), password: "".into(), no_password: true },
            AuthChange::grant_role("root", "root"),
            AuthChange::Enable,
        ] {
            member.core().change_auth(change).await.unwrap();
        }
        assert_eq!(caller(&trusting, &certified).await, Ok(Caller::new("root", 3)));
        assert_eq!(caller(&not, &certified).await, Ok(Caller::anonymous()));
        assert_eq!(caller(&trusting, &both).await, Err(AuthError::InvalidToken.into()));
        let root = trusting.store_for(&certified).await.unwrap();
        assert_eq!(root.require_root(), Ok(()));
        assert_eq!(
            not.store_for(&certified).await.unwrap().require_root(),
            Err(AuthError::UserEmpty.into())
        );
        member.shutdown().await.unwrap();
    }

    #[test]
    fn a_connection_tells_the_name_in_its_certificate() {
        let mut connection = Connection::default();
        let mut extensions = Extensions::new();
        extensions.insert(connection.clone());
        assert_eq!(Credentials::of(&MetadataMap::new(), &extensions).name, None);
        connection.common_name = Some("alice".to_owned());
        extensions.insert(connection);
        let name = Credentials::of(&MetadataMap::new(), &extensions).name;
        assert_eq!(name, Some(ClientName("alice".into())));
    }

    #[test]
    fn the_gateways_certificate_is_nobodys_name() {
        assert_eq!(of(&[], Some("alice")).name, Some(ClientName("alice".into())));
        assert_eq!(of(&[("grpcgateway-accept", "*/*")], Some("alice")).name, None);
    }
}
