//! Callers and changes of users and roles: messages, there and back. Tags are never reused.

use super::CodecError;
use super::command::required;
use super::wire::KeyRangeMessage;
use bytes::Bytes;
use prost::{Message, Oneof};
use quorate_auth::{Access, AuthChange, Caller, Permission};
use quorate_store::AuthError;

/// On whose behalf a command is; of an anonymous caller all fields are left out.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CallerMessage {
    #[prost(string, tag = "1")]
    user: String,
    #[prost(uint64, tag = "2")]
    revision: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AuthMessage {
    #[prost(oneof = "AuthKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    kind: Option<AuthKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum AuthKind {
    #[prost(bool, tag = "1")]
    Enable(bool),
    #[prost(bool, tag = "2")]
    Disable(bool),
    #[prost(message, tag = "3")]
    UserAdd(UserMessage),
    #[prost(string, tag = "4")]
    UserDelete(String),
    #[prost(message, tag = "5")]
    UserPassword(UserMessage),
    #[prost(message, tag = "6")]
    UserGrant(PairMessage),
    #[prost(message, tag = "7")]
    UserRevoke(PairMessage),
    #[prost(string, tag = "8")]
    RoleAdd(String),
    #[prost(string, tag = "9")]
    RoleDelete(String),
    #[prost(message, tag = "10")]
    RoleGrant(GrantMessage),
    #[prost(message, tag = "11")]
    RoleRevoke(GrantMessage),
    #[prost(message, tag = "12")]
    SignIn(SignInMessage),
}

#[derive(Clone, PartialEq, Message)]
struct UserMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "bytes", tag = "2")]
    password: Bytes,
    #[prost(bool, tag = "3")]
    no_password: bool,
}

/// A user and its role.
#[derive(Clone, PartialEq, Message)]
struct PairMessage {
    #[prost(string, tag = "1")]
    user: String,
    #[prost(string, tag = "2")]
    role: String,
}

#[derive(Clone, PartialEq, Message)]
struct SignInMessage {
    #[prost(string, tag = "1")]
    user: String,
    #[prost(uint64, tag = "2")]
    revision: u64,
    #[prost(string, tag = "3")]
    prefix: String,
}

#[derive(Clone, PartialEq, Message)]
struct GrantMessage {
    #[prost(string, tag = "1")]
    role: String,
    #[prost(message, optional, tag = "2")]
    range: Option<KeyRangeMessage>,
    /// 1 read, 2 write, 3 both; 0 where no access is told.
    #[prost(uint32, tag = "3")]
    access: u32,
}

/// What a reply to a change carries.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AuthReplyMessage {
    #[prost(int64, tag = "1")]
    pub(super) revision: i64,
    #[prost(string, tag = "2")]
    pub(super) token: String,
}

impl From<&Caller> for CallerMessage {
    fn from(caller: &Caller) -> Self {
        Self { user: caller.user().to_owned(), revision: caller.revision() }
    }
}

impl From<CallerMessage> for Caller {
    fn from(message: CallerMessage) -> Self {
        Self::new(message.user, message.revision)
    }
}

impl TryFrom<&AuthChange> for AuthMessage {
    type Error = CodecError;

    fn try_from(change: &AuthChange) -> Result<Self, CodecError> {
        let pair =
            |user: &String, role: &String| PairMessage { user: user.clone(), role: role.clone() };
        let kind = match change {
            AuthChange::Enable => AuthKind::Enable(true),
            AuthChange::Disable => AuthKind::Disable(true),
            AuthChange::UserAdd { name, password, no_password } => {
                let (name, password) = (name.clone(), password.clone());
                AuthKind::UserAdd(UserMessage { name, password, no_password: *no_password })
            }
            AuthChange::UserDelete { name } => AuthKind::UserDelete(name.clone()),
            AuthChange::UserChangePassword { name, password } => {
                let (name, password) = (name.clone(), password.clone());
                AuthKind::UserPassword(UserMessage { name, password, no_password: false })
            }
            AuthChange::UserGrantRole { user, role } => AuthKind::UserGrant(pair(user, role)),
            AuthChange::UserRevokeRole { user, role } => AuthKind::UserRevoke(pair(user, role)),
            AuthChange::RoleAdd { name } => AuthKind::RoleAdd(name.clone()),
            AuthChange::RoleDelete { name } => AuthKind::RoleDelete(name.clone()),
            AuthChange::RoleGrant { role, permission } => AuthKind::RoleGrant(GrantMessage {
                role: role.clone(),
                range: Some((&permission.range).into()),
                access: match permission.access {
                    Access::Read => 1,
                    Access::Write => 2,
                    Access::ReadWrite => 3,
                },
            }),
            AuthChange::RoleRevoke { role, range } => AuthKind::RoleRevoke(GrantMessage {
                role: role.clone(),
                range: Some(range.into()),
                access: 0,
            }),
            AuthChange::SignIn { user, revision, prefix } => AuthKind::SignIn(SignInMessage {
                user: user.clone(),
                revision: *revision,
                prefix: prefix.clone(),
            }),
            _ => return Err(CodecError::Unsupported("a change of users and roles")),
        };
        Ok(Self { kind: Some(kind) })
    }
}

impl TryFrom<AuthMessage> for AuthChange {
    type Error = CodecError;

    fn try_from(message: AuthMessage) -> Result<Self, CodecError> {
        Ok(match message.kind.ok_or(CodecError::Field("change of users and roles"))? {
            AuthKind::Enable(_) => Self::Enable,
            AuthKind::Disable(_) => Self::Disable,
            AuthKind::UserAdd(UserMessage { name, password, no_password }) => {
                Self::UserAdd { name, password, no_password }
            }
            AuthKind::UserDelete(name) => Self::UserDelete { name },
            AuthKind::UserPassword(UserMessage { name, password, .. }) => {
                Self::UserChangePassword { name, password }
            }
            AuthKind::UserGrant(PairMessage { user, role }) => Self::UserGrantRole { user, role },
            AuthKind::UserRevoke(PairMessage { user, role }) => Self::UserRevokeRole { user, role },
            AuthKind::RoleAdd(name) => Self::RoleAdd { name },
            AuthKind::RoleDelete(name) => Self::RoleDelete { name },
            AuthKind::RoleGrant(GrantMessage { role, range, access }) => {
                let permission = Permission::new(read_access(access)?, required(range)?);
                Self::RoleGrant { role, permission }
            }
            AuthKind::RoleRevoke(GrantMessage { role, range, .. }) => {
                Self::RoleRevoke { role, range: required(range)? }
            }
            AuthKind::SignIn(SignInMessage { user, revision, prefix }) => {
                Self::SignIn { user, revision, prefix }
            }
        })
    }
}

fn read_access(number: u32) -> Result<Access, CodecError> {
    match number {
        1 => Ok(Access::Read),
        2 => Ok(Access::Write),
        3 => Ok(Access::ReadWrite),
        _ => Err(CodecError::Field("access")),
    }
}

/// The number of a refusal: its place among all, from 1.
pub(super) fn refusal_number(refusal: AuthError) -> u64 {
    let at = AuthError::ALL.iter().position(|known| *known == refusal);
    at.map_or(0, |at| at as u64 + 1)
}

/// The refusal of a number.
pub(super) fn refusal(number: u64) -> Result<AuthError, CodecError> {
    let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let known = at.and_then(|at| AuthError::ALL.get(at));
    known.copied().ok_or(CodecError::Field("refusal"))
}
