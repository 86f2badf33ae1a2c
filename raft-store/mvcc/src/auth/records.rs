//! The bytes of users and roles: etcd's messages, so that they can be moved in and out as they are.
//!
//! Keys of the family: `u` and a user's name, `r` and a role's name, and `s` for the switch and the
//! revision.

use crate::Error;
use crate::db::{Batch, Family, Step, View};
use crate::layout::{damaged, prefix_bounds};
use bytes::Bytes;
use prost::Message;
use quorate_auth::{Access, AuthState, Changed, Permission, Role, User};
use quorate_store::KeyRange;

pub(super) const STATUS: &[u8] = b"s";
pub(super) const USER: u8 = b'u';
pub(super) const ROLE: u8 = b'r';

#[derive(Clone, PartialEq, Message)]
pub(super) struct StatusMessage {
    #[prost(bool, tag = "1")]
    pub(super) enabled: bool,
    #[prost(uint64, tag = "2")]
    pub(super) revision: u64,
}

/// etcd's `authpb.User`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UserMessage {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    password: Bytes,
    #[prost(string, repeated, tag = "3")]
    roles: Vec<String>,
    #[prost(message, optional, tag = "4")]
    options: Option<OptionsMessage>,
}

/// etcd's `authpb.UserAddOptions`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OptionsMessage {
    #[prost(bool, tag = "1")]
    no_password: bool,
}

/// etcd's `authpb.Role`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoleMessage {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(message, repeated, tag = "2")]
    permissions: Vec<PermissionMessage>,
}

/// etcd's `authpb.Permission`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PermissionMessage {
    #[prost(int32, tag = "1")]
    access: i32,
    #[prost(bytes = "bytes", tag = "2")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    range_end: Bytes,
}

impl From<&Permission> for PermissionMessage {
    fn from(permission: &Permission) -> Self {
        let access = match permission.access {
            Access::Read => 0,
            Access::Write => 1,
            Access::ReadWrite => 2,
        };
        let key = permission.range.start().clone();
        let range_end = match &permission.range {
            KeyRange::Key(_) => Bytes::new(),
            KeyRange::Span(_, end) => end.clone(),
            KeyRange::From(_) => Bytes::from_static(b"\0"),
        };
        Self { access, key, range_end }
    }
}

impl PermissionMessage {
    /// The permission; `None` for a kind of access that is not known, which permits nothing.
    pub(crate) fn read(self) -> Option<Permission> {
        let access = match self.access {
            0 => Access::Read,
            1 => Access::Write,
            2 => Access::ReadWrite,
            _ => return None,
        };
        let range = match self.range_end.as_ref() {
            [] => KeyRange::Key(self.key),
            [0] => KeyRange::From(self.key),
            _ => KeyRange::Span(self.key, self.range_end),
        };
        Some(Permission::new(access, range))
    }
}

/// Reads all users and roles; nobody if none were written yet.
pub(crate) fn load(view: &dyn View) -> Result<AuthState, Error> {
    let status = match view.value(Family::Auth, STATUS)? {
        Some(bytes) => StatusMessage::decode(bytes)
            .map_err(|_| damaged("whether authentication is enabled", STATUS))?,
        None => StatusMessage::default(),
    };
    let users = named(view, USER, |key, value| {
        let message = UserMessage::decode(value).map_err(|_| damaged("a user", key))?;
        let no_password = message.options.is_some_and(|options| options.no_password);
        Ok(User { password: message.password, no_password, roles: message.roles })
    })?;
    let roles = named(view, ROLE, |key, value| {
        let message = RoleMessage::decode(value).map_err(|_| damaged("a role", key))?;
        let permissions =
            message.permissions.into_iter().filter_map(PermissionMessage::read).collect();
        Ok(Role { permissions })
    })?;
    Ok(AuthState::restore(status.enabled, status.revision, users, roles))
}

fn named<T>(
    view: &dyn View,
    tag: u8,
    read: impl Fn(&[u8], Bytes) -> Result<T, Error>,
) -> Result<Vec<(String, T)>, Error> {
    let (start, end) = prefix_bounds(vec![tag]);
    let mut found = Vec::new();
    view.scan(Family::Auth, &start, end.as_deref(), &mut |key, value| {
        let name = std::str::from_utf8(&key[1..]).map_err(|_| damaged("a name", key))?;
        found.push((name.to_owned(), read(key, Bytes::copy_from_slice(value))?));
        Ok(Step::Next)
    })?;
    Ok(found)
}

/// What must be written after a change.
pub(crate) fn rows(state: &AuthState, changed: &Changed) -> Batch {
    let mut batch = Batch::default();
    if !changed.any {
        return batch;
    }
    let status = StatusMessage { enabled: state.is_enabled(), revision: state.revision() };
    batch.put(Family::Auth, STATUS, status.encode_to_vec());
    for name in &changed.users {
        match state.user(name) {
            Some(user) => batch.put(Family::Auth, key(USER, name), user_bytes(name, user)),
            None => batch.delete(Family::Auth, key(USER, name)),
        }
    }
    for name in &changed.roles {
        match state.role(name) {
            Some(role) => batch.put(Family::Auth, key(ROLE, name), role_bytes(name, role)),
            None => batch.delete(Family::Auth, key(ROLE, name)),
        }
    }
    batch
}

fn key(tag: u8, name: &str) -> Vec<u8> {
    [&[tag], name.as_bytes()].concat()
}

fn user_bytes(name: &str, user: &User) -> Vec<u8> {
    let message = UserMessage {
        name: Bytes::copy_from_slice(name.as_bytes()),
        password: user.password.clone(),
        roles: user.roles.clone(),
        options: Some(OptionsMessage { no_password: user.no_password }),
    };
    message.encode_to_vec()
}

fn role_bytes(name: &str, role: &Role) -> Vec<u8> {
    let message = RoleMessage {
        name: Bytes::copy_from_slice(name.as_bytes()),
        permissions: role.permissions.iter().map(PermissionMessage::from).collect(),
    };
    message.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{self, MemoryDb, StateDb};
    use quorate_auth::AuthChange;

    #[test]
    fn users_and_roles_are_read_back_as_they_were_written() {
        let db = MemoryDb::new();
        let mut state = AuthState::default();
        let grant = |access, range| AuthChange::grant("r", Permission::new(access, range));
        for change in [
            AuthChange::add_user("root", "hash"),
            AuthChange::grant_role("root", "root"),
            AuthChange::UserAdd { name: "cn".into(), password: "".into(), no_password: true },
            AuthChange::add_role("r"),
            AuthChange::add_role("gone"),
            grant(Access::Read, KeyRange::Key("a".into())),
            grant(Access::Write, KeyRange::From("b".into())),
            grant(Access::ReadWrite, KeyRange::prefix("c")),
            AuthChange::grant_role("cn", "r"),
            AuthChange::grant_role("cn", "gone"),
            AuthChange::RoleDelete { name: "gone".into() },
            AuthChange::add_user("late", "hash"),
            AuthChange::UserDelete { name: "late".into() },
            AuthChange::Enable,
        ] {
            let changed = state.change(&change).unwrap();
            db.write(&rows(&state, &changed)).unwrap();
            assert_eq!(db::read(&db, load).unwrap(), state, "after {change:?}");
        }
        assert!(state.is_enabled() && state.users().count() == 2);
    }

    #[test]
    fn messages_are_etcds() {
        let user = User { password: "h".into(), no_password: true, roles: vec!["r".into()] };
        assert_eq!(user_bytes("u", &user), b"\x0a\x01u\x12\x01h\x1a\x01r\x22\x02\x08\x01");
        let permissions = vec![Permission::new(Access::ReadWrite, KeyRange::From("k".into()))];
        let role = role_bytes("r", &Role { permissions });
        assert_eq!(role, b"\x0a\x01r\x12\x08\x08\x02\x12\x01k\x1a\x01\0");
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        for (key, value) in [(&b"s"[..], &b"\xff"[..]), (b"uroot", b"\xff"), (b"r\xff", b"")] {
            let db = MemoryDb::new();
            let mut batch = Batch::default();
            batch.put(Family::Auth, key, value.to_vec());
            db.write(&batch).unwrap();
            assert!(matches!(db::read(&db, load), Err(Error::Damaged { .. })), "{key:?}");
        }
    }
}
