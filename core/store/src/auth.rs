//! Why a store that knows users refuses a request.
//!
//! Place: part of [`crate::Error`], so that a refusal decided where a command is applied reaches
//! whoever asked, on whichever member. The words are etcd's, since its clients compare them.

use thiserror::Error;

/// A refusal that has to do with users, roles and permissions. None of them has had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Authentication cannot be switched on without a user `root`.
    #[error("root user does not exist")]
    RootUserMissing,
    /// Authentication cannot be switched on while `root` lacks the role `root`.
    #[error("root user does not have root role")]
    RootRoleMissing,
    /// A user of this name exists.
    #[error("user name already exists")]
    UserExists,
    /// No user is named, or the request carries no identity at all.
    #[error("user name is empty")]
    UserEmpty,
    /// There is no such user.
    #[error("user name not found")]
    UserNotFound,
    /// A role of this name exists.
    #[error("role name already exists")]
    RoleExists,
    /// There is no such role.
    #[error("role name not found")]
    RoleNotFound,
    /// No role is named.
    #[error("role name is empty")]
    RoleEmpty,
    /// Unknown user or wrong password; which of both is not told.
    #[error("authentication failed, invalid user ID or password")]
    Failed,
    /// A password was given for a user that has none, or it is not readable.
    #[error("authentication failed, password was given for no password user")]
    NoPasswordUser,
    /// A grant does not say what is granted.
    #[error("permission not given")]
    PermissionNotGiven,
    /// The user may not do this.
    #[error("permission denied")]
    PermissionDenied,
    /// The user does not have the role that is to be taken from it.
    #[error("role is not granted to the user")]
    RoleNotGranted,
    /// The role does not have the permission that is to be taken from it.
    #[error("permission is not granted to the role")]
    PermissionNotGranted,
    /// Authentication is switched off.
    #[error("authentication is not enabled")]
    NotEnabled,
    /// The token is unknown, over, or not signed by us.
    #[error("invalid auth token")]
    InvalidToken,
    /// What would leave nobody in charge, or a range that holds nothing.
    #[error("invalid auth management")]
    InvalidManagement,
    /// Users or roles have changed since the identity was established: authenticate again.
    #[error("revision of auth store is old")]
    OldRevision,
}

impl AuthError {
    /// Every one of them, in the order of their numbers in encodings. New ones are added at the end.
    pub const ALL: [Self; 18] = [
        Self::RootUserMissing,
        Self::RootRoleMissing,
        Self::UserExists,
        Self::UserEmpty,
        Self::UserNotFound,
        Self::RoleExists,
        Self::RoleNotFound,
        Self::RoleEmpty,
        Self::Failed,
        Self::NoPasswordUser,
        Self::PermissionNotGiven,
        Self::PermissionDenied,
        Self::RoleNotGranted,
        Self::PermissionNotGranted,
        Self::NotEnabled,
        Self::InvalidToken,
        Self::InvalidManagement,
        Self::OldRevision,
    ];
}
