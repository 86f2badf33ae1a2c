//! Random changes: the state refuses what the model refuses, and permits what the model permits.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_auth::{Access, AuthChange, AuthState, Caller, Permission, TokenChange};
use quorate_store::{AuthError, KeyRange};
use std::collections::{BTreeMap, BTreeSet};

const NAMES: [&str; 4] = ["", "root", "a", "b"];
const KEYS: [&str; 9] = ["a", "a\0", "aa", "ab", "b", "ba", "c", "ca", "z"];

type Grants = Vec<(KeyRange, Access)>;

#[derive(Default)]
struct Model {
    enabled: bool,
    revision: u64,
    users: BTreeMap<String, (bool, BTreeSet<String>)>,
    roles: BTreeMap<String, Grants>,
}

fn holds(range: &KeyRange, key: &str) -> bool {
    range.contains(key.as_bytes())
}

fn names_a_key(range: &KeyRange) -> bool {
    !range.start().is_empty() && !matches!(range, KeyRange::Span(start, end) if start >= end)
}

impl Model {
    fn change(&mut self, change: &AuthChange) -> Result<(), AuthError> {
        self.guard_root(change)?;
        let before = self.revision;
        match change {
            AuthChange::Enable => {
                let root = self.users.get("root").ok_or(AuthError::RootUserMissing);
                if !self.enabled && !root?.1.contains("root") {
                    return Err(AuthError::RootRoleMissing);
                }
                self.enabled = true;
                return Ok(());
            }
            AuthChange::Disable if !self.enabled => return Ok(()),
            AuthChange::Disable => self.enabled = false,
            AuthChange::UserAdd { name, no_password, .. } => {
                if name.is_empty() {
                    return Err(AuthError::UserEmpty);
                }
                if self.users.contains_key(name) {
                    return Err(AuthError::UserExists);
                }
                self.users.insert(name.clone(), (*no_password, BTreeSet::new()));
            }
            AuthChange::UserDelete { name } => {
                self.users.remove(name).ok_or(AuthError::UserNotFound)?;
            }
            AuthChange::UserChangePassword { name, .. } => {
                self.users.get(name).ok_or(AuthError::UserNotFound)?;
            }
            AuthChange::UserGrantRole { user, role } => {
                let own = &mut self.users.get_mut(user).ok_or(AuthError::UserNotFound)?.1;
                if role != "root" && !self.roles.contains_key(role) {
                    return Err(AuthError::RoleNotFound);
                }
                if !own.insert(role.clone()) {
                    return Ok(());
                }
            }
            AuthChange::UserRevokeRole { user, role } => {
                let own = &mut self.users.get_mut(user).ok_or(AuthError::UserNotFound)?.1;
                if !own.remove(role) {
                    return Err(AuthError::RoleNotGranted);
                }
            }
            AuthChange::RoleAdd { name } => {
                if name.is_empty() {
                    return Err(AuthError::RoleEmpty);
                }
                if self.roles.contains_key(name) {
                    return Err(AuthError::RoleExists);
                }
                self.roles.insert(name.clone(), Vec::new());
            }
            AuthChange::RoleDelete { name } => {
                self.roles.remove(name).ok_or(AuthError::RoleNotFound)?;
                self.users.values_mut().for_each(|(_, roles)| roles.retain(|role| role != name));
            }
            AuthChange::RoleGrant { role, permission } => {
                if !names_a_key(&permission.range) {
                    return Err(AuthError::InvalidManagement);
                }
                let grants = self.roles.get_mut(role).ok_or(AuthError::RoleNotFound)?;
                grants.retain(|(range, _)| *range != permission.range);
                grants.push((permission.range.clone(), permission.access));
            }
            AuthChange::RoleRevoke { role, range } => {
                let grants = self.roles.get_mut(role).ok_or(AuthError::RoleNotFound)?;
                let count = grants.len();
                grants.retain(|(own, _)| own != range);
                if grants.len() == count {
                    return Err(AuthError::PermissionNotGranted);
                }
            }
            AuthChange::SignIn { user, revision, .. } => {
                if !self.enabled {
                    return Err(AuthError::NotEnabled);
                }
                let known = self.users.get(user).filter(|(no_password, _)| !no_password);
                known.ok_or(AuthError::Failed)?;
                let fresh = *revision == self.revision + 1;
                return if fresh { Ok(()) } else { Err(AuthError::OldRevision) };
            }
            _ => unreachable!("no other change is drawn"),
        }
        self.revision = before + 1;
        Ok(())
    }

    fn guard_root(&self, change: &AuthChange) -> Result<(), AuthError> {
        let last = match change {
            AuthChange::UserDelete { name } | AuthChange::RoleDelete { name } => name == "root",
            AuthChange::UserRevokeRole { user, role } => user == "root" && role == "root",
            _ => false,
        };
        if self.enabled && last { Err(AuthError::InvalidManagement) } else { Ok(()) }
    }

    fn may(&self, user: &str, key: &str, read: bool) -> bool {
        let Some((_, roles)) = self.users.get(user) else { return !self.enabled };
        let grants = || roles.iter().filter_map(|role| self.roles.get(role)).flatten();
        let fits = |access: Access| match access {
            Access::ReadWrite => true,
            Access::Read => read,
            Access::Write => !read,
        };
        !self.enabled
            || roles.contains("root")
            || grants().any(|(range, access)| holds(range, key) && fits(*access))
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
}

fn key() -> impl Strategy<Value = Bytes> {
    prop::sample::select(KEYS.to_vec()).prop_map(Bytes::from)
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        key().prop_map(KeyRange::Key),
        (key(), key()).prop_map(|(start, end)| KeyRange::Span(start, end)),
        key().prop_map(KeyRange::From),
        Just(KeyRange::Key(Bytes::new())),
    ]
}

fn change() -> impl Strategy<Value = AuthChange> {
    let access = prop::sample::select(vec![Access::Read, Access::Write, Access::ReadWrite]);
    prop_oneof![
        3 => Just(AuthChange::Enable),
        1 => Just(AuthChange::Disable),
        4 => (name(), any::<bool>()).prop_map(|(name, no_password)| AuthChange::UserAdd {
            name, password: "hash".into(), no_password
        }),
        1 => name().prop_map(|name| AuthChange::UserDelete { name }),
        1 => name().prop_map(|name| AuthChange::UserChangePassword { name, password: "h".into() }),
        6 => (name(), name()).prop_map(|(user, role)| AuthChange::UserGrantRole { user, role }),
        1 => (name(), name()).prop_map(|(user, role)| AuthChange::UserRevokeRole { user, role }),
        4 => name().prop_map(|name| AuthChange::RoleAdd { name }),
        1 => name().prop_map(|name| AuthChange::RoleDelete { name }),
        6 => (name(), access, range()).prop_map(|(role, access, range)| AuthChange::RoleGrant {
            role, permission: Permission::new(access, range)
        }),
        1 => (name(), range()).prop_map(|(role, range)| AuthChange::RoleRevoke { role, range }),
        1 => (name(), 1u64..9).prop_map(|(user, revision)| AuthChange::SignIn {
            user, revision, prefix: "p".into()
        }),
    ]
}

/// What the model says about a caller and a key, in the words of the state.
fn expected(model: &Model, caller: &Caller, key: &str, read: bool) -> Result<(), AuthError> {
    match caller {
        _ if !model.enabled => Ok(()),
        caller if caller.revision() == 0 => Err(AuthError::UserEmpty),
        caller if caller.revision() < model.revision + 1 => Err(AuthError::OldRevision),
        caller if model.may(caller.user(), key, read) => Ok(()),
        _ => Err(AuthError::PermissionDenied),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn the_state_decides_as_the_model_does(changes in prop::collection::vec(change(), 0..60)) {
        let (mut state, mut model) = (AuthState::default(), Model::default());
        for change in &changes {
            let before = state.clone();
            let decided = state.change(change);
            prop_assert_eq!(decided.clone().map(|_| ()), model.change(change), "{:?}", change);
            prop_assert_eq!(state.revision(), model.revision + 1, "{:?}", change);
            match decided {
                Ok(changed) => prop_assert_eq!(changed.any, state != before, "{:?}", change),
                Err(_) => prop_assert_eq!(&state, &before, "a refusal leaves no trace"),
            }
        }
        let stored = AuthState::restore(
            state.is_enabled(),
            state.revision(),
            state.users().map(|(name, user)| (name.to_owned(), user.clone())),
            state.roles().map(|(name, role)| (name.to_owned(), role.clone())),
        );
        prop_assert_eq!(&stored, &state, "what was stored is what was");
        for user in NAMES {
            for revision in [state.revision(), state.revision() - 1] {
                let caller = Caller::new(user, revision);
                for key in KEYS {
                    let range = KeyRange::Key(key.into());
                    let (read, write) =
                        (expected(&model, &caller, key, true), expected(&model, &caller, key, false));
                    prop_assert_eq!(state.check_read(&caller, &range), read, "{} {:?}", user, key);
                    prop_assert_eq!(state.check_write(&caller, &range), write, "{} {:?}", user, key);
                }
            }
        }
    }

    #[test]
    fn tokens_end_with_whatever_they_stand_for(changes in prop::collection::vec(change(), 0..60)) {
        let mut state = AuthState::default();
        for change in &changes {
            let was_enabled = state.is_enabled();
            let Ok(changed) = state.change(change) else { continue };
            let expected = match change {
                AuthChange::Disable if was_enabled => Some(TokenChange::Clear),
                AuthChange::UserDelete { name } | AuthChange::UserChangePassword { name, .. } => {
                    Some(TokenChange::Revoke { user: name.clone() })
                }
                AuthChange::SignIn { user, prefix, .. } => {
                    Some(TokenChange::Assign { user: user.clone(), prefix: prefix.clone() })
                }
                _ => None,
            };
            prop_assert_eq!(changed.tokens, expected);
        }
    }
}
