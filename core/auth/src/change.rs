//! What can be changed about users and roles, and what follows from a change.

use crate::{Permission, ROOT};
use bytes::Bytes;
use quorate_store::KeyRange;

/// One change, as a log entry carries it. Passwords come hashed: nothing here ever sees one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthChange {
    /// Requests are checked from now on.
    Enable,
    /// Requests are not checked any more, and all tokens are void.
    Disable,
    /// Adds a user.
    UserAdd {
        /// Its name.
        name: String,
        /// The hash of its password.
        password: Bytes,
        /// It has no password; `password` is not looked at then.
        no_password: bool,
    },
    /// Removes a user; its tokens are void.
    UserDelete {
        /// Its name.
        name: String,
    },
    /// Replaces a password; the user's tokens are void.
    UserChangePassword {
        /// The user.
        name: String,
        /// The hash of the new password.
        password: Bytes,
    },
    /// Gives a user a role.
    UserGrantRole {
        /// The user.
        user: String,
        /// The role.
        role: String,
    },
    /// Takes a role from a user.
    UserRevokeRole {
        /// The user.
        user: String,
        /// The role.
        role: String,
    },
    /// Adds a role that permits nothing yet.
    RoleAdd {
        /// Its name.
        name: String,
    },
    /// Removes a role, also from its users.
    RoleDelete {
        /// Its name.
        name: String,
    },
    /// Adds a permission to a role, or changes the access of one that has the same range.
    RoleGrant {
        /// The role.
        role: String,
        /// The permission.
        permission: Permission,
    },
    /// Takes the permission on exactly this range from a role.
    RoleRevoke {
        /// The role.
        role: String,
        /// The range.
        range: KeyRange,
    },
    /// A user has shown its password: gives it a token that every member knows.
    SignIn {
        /// The user.
        user: String,
        /// The revision of users and roles at which the password was right.
        revision: u64,
        /// The secret part of the token, see [`crate::token_prefix`].
        prefix: String,
    },
}

impl AuthChange {
    /// Adds a user with a hashed password.
    pub fn add_user(name: impl Into<String>, password: impl Into<Bytes>) -> Self {
        Self::UserAdd { name: name.into(), password: password.into(), no_password: false }
    }

    /// Gives a user a role.
    pub fn grant_role(user: impl Into<String>, role: impl Into<String>) -> Self {
        Self::UserGrantRole { user: user.into(), role: role.into() }
    }

    /// Adds a role.
    pub fn add_role(name: impl Into<String>) -> Self {
        Self::RoleAdd { name: name.into() }
    }

    /// Adds a permission to a role.
    pub fn grant(role: impl Into<String>, permission: Permission) -> Self {
        Self::RoleGrant { role: role.into(), permission }
    }

    /// Whether it would leave nobody in charge while requests are checked.
    pub(crate) fn removes_root(&self) -> bool {
        match self {
            Self::UserDelete { name } | Self::RoleDelete { name } => name == ROOT,
            Self::UserRevokeRole { user, role } => user == ROOT && role == ROOT,
            _ => false,
        }
    }
}

/// What a change has touched, for who stores users and roles and who keeps tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Whether anything did, the revision or the switch included.
    pub any: bool,
    /// Users that were added, changed or removed.
    pub users: Vec<String>,
    /// Roles that were added, changed or removed.
    pub roles: Vec<String>,
    /// What becomes of tokens.
    pub tokens: Option<TokenChange>,
}

/// What becomes of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenChange {
    /// The user gets a token with this secret part.
    Assign {
        /// The user.
        user: String,
        /// The secret part.
        prefix: String,
    },
    /// The tokens of a user are void.
    Revoke {
        /// The user.
        user: String,
    },
    /// All tokens are void.
    Clear,
}
