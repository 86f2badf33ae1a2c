//! A client that talks to one endpoint, with or without a token.

use quorate_etcd::proto::authpb;
use quorate_etcd::proto::etcdserverpb as pb;
use std::net::SocketAddr;
use std::str::FromStr;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

pub(crate) type Kv = pb::kv_client::KvClient<Channel>;
pub(crate) type Auth = pb::auth_client::AuthClient<Channel>;

/// A connection and the token that every request carries.
#[derive(Clone)]
pub(crate) struct Client {
    channel: Channel,
    token: Option<String>,
}

/// Code and text, as clients compare them.
pub(crate) fn told<T>(result: Result<T, Status>) -> Result<T, (Code, String)> {
    result.map_err(|status| (status.code(), status.message().to_owned()))
}

/// What a refusal with a code and a text looks like.
pub(crate) fn refusal<T>(code: Code, text: &str) -> Result<T, (Code, String)> {
    Err((code, format!("etcdserver: {text}")))
}

pub(crate) fn denied<T>() -> Result<T, (Code, String)> {
    refusal(Code::PermissionDenied, "permission denied")
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let endpoint = Endpoint::from_str(&format!("http://{addr}")).unwrap();
        Self { channel: endpoint.connect().await.unwrap(), token: None }
    }

    /// The same connection with a token.
    pub(crate) fn with(&self, token: impl Into<String>) -> Self {
        Self { channel: self.channel.clone(), token: Some(token.into()) }
    }

    /// The same connection after signing in.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Self {
        self.with(self.token_for(name, password).await.unwrap())
    }

    pub(crate) async fn token_for(&self, name: &str, password: &str) -> Result<String, Status> {
        let request = pb::AuthenticateRequest { name: name.into(), password: password.into() };
        Ok(self.auth().authenticate(request).await?.into_inner().token)
    }

    /// A request with the token.
    pub(crate) fn ask<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", MetadataValue::from_str(token).unwrap());
        }
        request
    }

    pub(crate) fn kv(&self) -> Kv {
        Kv::new(self.channel.clone())
    }

    pub(crate) fn auth(&self) -> Auth {
        Auth::new(self.channel.clone())
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> Result<(), (Code, String)> {
        let put = put(key, value);
        told(self.kv().put(self.ask(put)).await).map(|_| ())
    }

    pub(crate) async fn get(&self, key: &str, end: &str) -> Result<usize, (Code, String)> {
        let range = pb::RangeRequest {
            key: key.to_owned().into(),
            range_end: end.to_owned().into(),
            ..Default::default()
        };
        told(self.kv().range(self.ask(range)).await).map(|it| it.into_inner().kvs.len())
    }

    pub(crate) async fn user_add(&self, name: &str, password: &str) -> Result<(), (Code, String)> {
        let (name, password) = (name.into(), password.into());
        let add = pb::AuthUserAddRequest { name, password, ..Default::default() };
        told(self.auth().user_add(self.ask(add)).await).map(|_| ())
    }

    pub(crate) async fn role_add(&self, name: &str) -> Result<(), (Code, String)> {
        let add = pb::AuthRoleAddRequest { name: name.into() };
        told(self.auth().role_add(self.ask(add)).await).map(|_| ())
    }

    pub(crate) async fn grant_role(&self, user: &str, role: &str) -> Result<(), (Code, String)> {
        let grant = pb::AuthUserGrantRoleRequest { user: user.into(), role: role.into() };
        told(self.auth().user_grant_role(self.ask(grant)).await).map(|_| ())
    }

    /// Grants a role an access to `[key, end)`.
    pub(crate) async fn grant(
        &self,
        role: &str,
        access: authpb::permission::Type,
        (key, end): (&str, &str),
    ) -> Result<(), (Code, String)> {
        let perm = authpb::Permission {
            perm_type: access.into(),
            key: key.to_owned().into(),
            range_end: end.to_owned().into(),
        };
        let grant = pb::AuthRoleGrantPermissionRequest { name: role.into(), perm: Some(perm) };
        told(self.auth().role_grant_permission(self.ask(grant)).await).map(|_| ())
    }

    pub(crate) async fn revoke(
        &self,
        role: &str,
        (key, end): (&str, &str),
    ) -> Result<(), (Code, String)> {
        let revoke = pb::AuthRoleRevokePermissionRequest {
            role: role.into(),
            key: key.to_owned().into(),
            range_end: end.to_owned().into(),
        };
        told(self.auth().role_revoke_permission(self.ask(revoke)).await).map(|_| ())
    }

    pub(crate) async fn enable(&self) -> Result<(), (Code, String)> {
        told(self.auth().auth_enable(self.ask(pb::AuthEnableRequest {})).await).map(|_| ())
    }

    /// `root`, and `alice` who may read and write from `a/` to `a0`; gives both, signed in.
    pub(crate) async fn secure(&self) -> (Self, Self) {
        self.user_add("root", "root-password").await.unwrap();
        self.role_add("root").await.unwrap();
        self.grant_role("root", "root").await.unwrap();
        self.user_add("alice", "alice-password").await.unwrap();
        self.role_add("role").await.unwrap();
        let both = authpb::permission::Type::Readwrite;
        self.grant("role", both, ("a/", "a0")).await.unwrap();
        self.grant_role("alice", "role").await.unwrap();
        self.enable().await.unwrap();
        (self.sign_in("root", "root-password").await, self.sign_in("alice", "alice-password").await)
    }
}

pub(crate) fn put(key: &str, value: &str) -> pb::PutRequest {
    pb::PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..Default::default()
    }
}
