//! The Auth service: users, roles, signing in.
//!
//! Place: messages to changes of users and roles and back; the decisions are the replicated state's.
//!
//! Invariants: a password is hashed or compared before anything is proposed and never leaves this
//! member; few are at a time, so that guessing passwords does not take the member's threads. Who may
//! not change users costs nothing but the look at who they are.

mod credentials;
mod options;
mod sign_in;

pub use credentials::ClientName;
pub(crate) use credentials::Credentials;
pub use options::{AuthOptions, AuthOptionsError, TokenKind};
pub(crate) use sign_in::Passwords;

use crate::context::Context;
use crate::convert::key_range;
use crate::errors::status;
use crate::proto::authpb;
use crate::proto::etcdserverpb as pb;
use crate::proto::servers::auth_server::Auth;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pb::ResponseHeader;
use quorate_auth::{Access, AuthChange, AuthState, Caller, Permission, ROOT};
use quorate_member::Authorized;
use quorate_store::{AuthError, KeyRange};
use std::sync::Arc;
use tonic::{Request, Response, Status};

#[derive(Debug)]
pub(crate) struct AuthService(pub(crate) Context);

impl AuthService {
    async fn store<T>(&self, request: &Request<T>) -> Result<Authorized, Status>
    where
        T: Sync,
    {
        self.0.store(request.metadata(), request.extensions()).await
    }

    /// Makes a change on behalf of whoever sent a request.
    async fn change<T: Sync>(
        &self,
        request: &Request<T>,
        change: AuthChange,
    ) -> Result<Option<ResponseHeader>, Status> {
        let store = self.store(request).await?;
        let revision = store.change_auth(change).await.map_err(status)?;
        Ok(Some(self.0.header(revision)))
    }

    /// Users and roles, for whoever may ask what it asks.
    async fn about<T: Sync>(
        &self,
        request: &Request<T>,
        check: impl FnOnce(&AuthState, &Caller) -> Result<(), AuthError> + Send,
    ) -> Result<(Arc<AuthState>, Option<ResponseHeader>), Status> {
        let store = self.store(request).await?;
        let auth = store.auth_about(check).await.map_err(status)?;
        Ok((auth, Some(self.0.header_now())))
    }

    /// What a request to change a password asks to store.
    async fn new_password(&self, request: &pb::AuthUserChangePasswordRequest) -> NewPassword {
        if !request.password.is_empty() {
            return self.0.passwords.hash(&self.0, request.password.clone()).await.map(Some);
        }
        // Whoever is in charge may give the hash itself.
        Ok(STANDARD.decode(&request.hashed_password).ok().map(Bytes::from))
    }
}

/// The hash, or nothing if what was given is none.
type NewPassword = Result<Option<Bytes>, Status>;

fn refused(refusal: AuthError) -> Status {
    status(refusal.into())
}

fn permission(permission: authpb::Permission) -> Result<Permission, Status> {
    let access = match authpb::permission::Type::try_from(permission.perm_type) {
        Ok(authpb::permission::Type::Read) => Access::Read,
        Ok(authpb::permission::Type::Write) => Access::Write,
        Ok(authpb::permission::Type::Readwrite) => Access::ReadWrite,
        Err(_) => return Err(refused(AuthError::InvalidManagement)),
    };
    Ok(Permission::new(access, key_range(permission.key, permission.range_end)))
}

fn wire_permission(permission: &Permission) -> authpb::Permission {
    let kind = match permission.access {
        Access::Read => authpb::permission::Type::Read,
        Access::Write => authpb::permission::Type::Write,
        Access::ReadWrite => authpb::permission::Type::Readwrite,
    };
    let (key, range_end) = match &permission.range {
        KeyRange::Key(key) => (key.clone(), Bytes::new()),
        KeyRange::Span(key, end) => (key.clone(), end.clone()),
        KeyRange::From(key) => (key.clone(), Bytes::from_static(b"\0")),
    };
    authpb::Permission { perm_type: kind.into(), key, range_end }
}

#[tonic::async_trait]
impl Auth for AuthService {
    async fn auth_enable(
        &self,
        request: Request<pb::AuthEnableRequest>,
    ) -> Result<Response<pb::AuthEnableResponse>, Status> {
        let header = self.change(&request, AuthChange::Enable).await?;
        Ok(Response::new(pb::AuthEnableResponse { header }))
    }

    async fn auth_disable(
        &self,
        request: Request<pb::AuthDisableRequest>,
    ) -> Result<Response<pb::AuthDisableResponse>, Status> {
        let header = self.change(&request, AuthChange::Disable).await?;
        Ok(Response::new(pb::AuthDisableResponse { header }))
    }

    async fn auth_status(
        &self,
        request: Request<pb::AuthStatusRequest>,
    ) -> Result<Response<pb::AuthStatusResponse>, Status> {
        // Anybody may ask.
        let (auth, header) = self.about(&request, |_, _| Ok(())).await?;
        let (enabled, auth_revision) = (auth.is_enabled(), auth.revision());
        Ok(Response::new(pb::AuthStatusResponse { header, enabled, auth_revision }))
    }

    async fn authenticate(
        &self,
        request: Request<pb::AuthenticateRequest>,
    ) -> Result<Response<pb::AuthenticateResponse>, Status> {
        let pb::AuthenticateRequest { name, password } = request.into_inner();
        let token = self.0.passwords.sign_in(&self.0, &name, &password).await?;
        let header = Some(self.0.header_now());
        Ok(Response::new(pb::AuthenticateResponse { header, token }))
    }

    async fn user_add(
        &self,
        request: Request<pb::AuthUserAddRequest>,
    ) -> Result<Response<pb::AuthUserAddResponse>, Status> {
        // Whoever may not add users shall not have passwords hashed either.
        self.store(&request).await?.require_root().map_err(status)?;
        let asked = request.get_ref();
        let no_password = asked.options.as_ref().is_some_and(|options| options.no_password);
        let (name, password) = (asked.name.clone(), asked.password.clone());
        let password = match no_password {
            true => Bytes::new(),
            false => self.0.passwords.hash(&self.0, password).await?,
        };
        let change = AuthChange::UserAdd { name, password, no_password };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthUserAddResponse { header }))
    }

    async fn user_get(
        &self,
        request: Request<pb::AuthUserGetRequest>,
    ) -> Result<Response<pb::AuthUserGetResponse>, Status> {
        let name = &request.get_ref().name;
        let check = |auth: &AuthState, caller: &Caller| auth.check_about_user(caller, name);
        let (auth, header) = self.about(&request, check).await?;
        let user = auth.user(name).ok_or_else(|| refused(AuthError::UserNotFound))?;
        Ok(Response::new(pb::AuthUserGetResponse { header, roles: user.roles.clone() }))
    }

    async fn user_list(
        &self,
        request: Request<pb::AuthUserListRequest>,
    ) -> Result<Response<pb::AuthUserListResponse>, Status> {
        let (auth, header) = self.about(&request, AuthState::check_root).await?;
        let users = auth.users().map(|(name, _)| name.to_owned()).collect();
        Ok(Response::new(pb::AuthUserListResponse { header, users }))
    }

    async fn user_delete(
        &self,
        request: Request<pb::AuthUserDeleteRequest>,
    ) -> Result<Response<pb::AuthUserDeleteResponse>, Status> {
        let change = AuthChange::UserDelete { name: request.get_ref().name.clone() };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthUserDeleteResponse { header }))
    }

    async fn user_change_password(
        &self,
        request: Request<pb::AuthUserChangePasswordRequest>,
    ) -> Result<Response<pb::AuthUserChangePasswordResponse>, Status> {
        let (auth, _) = self.about(&request, AuthState::check_root).await?;
        let name = request.get_ref().name.clone();
        let user = auth.user(&name).ok_or_else(|| refused(AuthError::UserNotFound))?;
        let password = match user.no_password {
            true => Bytes::new(),
            false => self
                .new_password(request.get_ref())
                .await?
                .ok_or_else(|| refused(AuthError::NoPasswordUser))?,
        };
        let change = AuthChange::UserChangePassword { name, password };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthUserChangePasswordResponse { header }))
    }

    async fn user_grant_role(
        &self,
        request: Request<pb::AuthUserGrantRoleRequest>,
    ) -> Result<Response<pb::AuthUserGrantRoleResponse>, Status> {
        let pb::AuthUserGrantRoleRequest { user, role } = request.get_ref().clone();
        let header = self.change(&request, AuthChange::UserGrantRole { user, role }).await?;
        Ok(Response::new(pb::AuthUserGrantRoleResponse { header }))
    }

    async fn user_revoke_role(
        &self,
        request: Request<pb::AuthUserRevokeRoleRequest>,
    ) -> Result<Response<pb::AuthUserRevokeRoleResponse>, Status> {
        let pb::AuthUserRevokeRoleRequest { name: user, role } = request.get_ref().clone();
        let header = self.change(&request, AuthChange::UserRevokeRole { user, role }).await?;
        Ok(Response::new(pb::AuthUserRevokeRoleResponse { header }))
    }

    async fn role_add(
        &self,
        request: Request<pb::AuthRoleAddRequest>,
    ) -> Result<Response<pb::AuthRoleAddResponse>, Status> {
        let change = AuthChange::RoleAdd { name: request.get_ref().name.clone() };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthRoleAddResponse { header }))
    }

    async fn role_get(
        &self,
        request: Request<pb::AuthRoleGetRequest>,
    ) -> Result<Response<pb::AuthRoleGetResponse>, Status> {
        let name = &request.get_ref().role;
        let check = |auth: &AuthState, caller: &Caller| auth.check_about_role(caller, name);
        let (auth, header) = self.about(&request, check).await?;
        let role = auth.role(name).ok_or_else(|| refused(AuthError::RoleNotFound))?;
        let everything = Permission::new(Access::ReadWrite, KeyRange::From(Bytes::new()));
        let perm = match name == ROOT {
            true => vec![wire_permission(&everything)],
            false => role.permissions.iter().map(wire_permission).collect(),
        };
        Ok(Response::new(pb::AuthRoleGetResponse { header, perm }))
    }

    async fn role_list(
        &self,
        request: Request<pb::AuthRoleListRequest>,
    ) -> Result<Response<pb::AuthRoleListResponse>, Status> {
        let (auth, header) = self.about(&request, AuthState::check_root).await?;
        let roles = auth.roles().map(|(name, _)| name.to_owned()).collect();
        Ok(Response::new(pb::AuthRoleListResponse { header, roles }))
    }

    async fn role_delete(
        &self,
        request: Request<pb::AuthRoleDeleteRequest>,
    ) -> Result<Response<pb::AuthRoleDeleteResponse>, Status> {
        let change = AuthChange::RoleDelete { name: request.get_ref().role.clone() };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthRoleDeleteResponse { header }))
    }

    async fn role_grant_permission(
        &self,
        request: Request<pb::AuthRoleGrantPermissionRequest>,
    ) -> Result<Response<pb::AuthRoleGrantPermissionResponse>, Status> {
        self.store(&request).await?.require_root().map_err(status)?;
        let pb::AuthRoleGrantPermissionRequest { name: role, perm } = request.get_ref().clone();
        let perm = perm.ok_or_else(|| refused(AuthError::PermissionNotGiven))?;
        let change = AuthChange::RoleGrant { role, permission: permission(perm)? };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthRoleGrantPermissionResponse { header }))
    }

    async fn role_revoke_permission(
        &self,
        request: Request<pb::AuthRoleRevokePermissionRequest>,
    ) -> Result<Response<pb::AuthRoleRevokePermissionResponse>, Status> {
        let pb::AuthRoleRevokePermissionRequest { role, key, range_end } =
            request.get_ref().clone();
        let change = AuthChange::RoleRevoke { role, range: key_range(key, range_end) };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthRoleRevokePermissionResponse { header }))
    }
}
