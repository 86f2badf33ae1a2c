//! Users, roles and whether they count: one value, changed one step at a time.
//!
//! Invariants: a refused change leaves no trace. Every change of users or roles grows the revision by
//! one, and so does switching off; switching on does not (etcd's rules). What a user may do is merged
//! from its roles when either changes, not when it is asked.

use crate::permission::{Permission, Role, User};
use crate::{AuthChange, Changed, ROOT, Ranges, TokenChange};
use quorate_store::{AuthError, KeyRange};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All users and roles. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthState {
    enabled: bool,
    revision: u64,
    users: BTreeMap<String, Arc<Known>>,
    roles: BTreeMap<String, Arc<Role>>,
}

/// A user and what its roles permit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) user: User,
    pub(crate) reads: Ranges,
    pub(crate) writes: Ranges,
}

impl Known {
    /// Whether the user is in charge.
    pub(crate) fn is_root(&self) -> bool {
        self.user.has(ROOT)
    }
}

impl Default for AuthState {
    /// Nobody, and nothing is checked.
    fn default() -> Self {
        Self { enabled: false, revision: 1, users: BTreeMap::new(), roles: BTreeMap::new() }
    }
}

impl AuthState {
    /// The state that is made of these parts, as they were stored.
    pub fn restore(
        enabled: bool,
        revision: u64,
        users: impl IntoIterator<Item = (String, User)>,
        roles: impl IntoIterator<Item = (String, Role)>,
    ) -> Self {
        let roles = roles.into_iter().map(|(name, role)| (name, Arc::new(role))).collect();
        let mut state = Self { enabled, revision: revision.max(1), users: BTreeMap::new(), roles };
        for (name, mut user) in users {
            user.roles.sort();
            let known = state.merge(user);
            state.users.insert(name, known);
        }
        state
    }

    /// Whether requests are checked.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Grows with every change of users and roles; 1 at the beginning.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A user.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&User> {
        self.known(name).map(|known| &known.user)
    }

    pub(crate) fn known(&self, name: &str) -> Option<&Known> {
        self.users.get(name).map(|known| &**known)
    }

    /// All users, sorted by name.
    pub fn users(&self) -> impl Iterator<Item = (&str, &User)> {
        self.users.iter().map(|(name, known)| (name.as_str(), &known.user))
    }

    /// A role.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name).map(|role| &**role)
    }

    /// All roles, sorted by name.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.roles.iter().map(|(name, role)| (name.as_str(), &**role))
    }

    /// Makes a change.
    ///
    /// # Errors
    /// The change is refused, and nothing has changed.
    pub fn change(&mut self, change: &AuthChange) -> Result<Changed, AuthError> {
        if self.enabled && change.removes_root() {
            return Err(AuthError::InvalidManagement);
        }
        match change {
            AuthChange::Enable => self.enable(),
            AuthChange::Disable => Ok(self.disable()),
            AuthChange::UserAdd { name, password, no_password } => {
                let password = if *no_password { Default::default() } else { password.clone() };
                self.add_user(name, User { password, no_password: *no_password, roles: Vec::new() })
            }
            AuthChange::UserDelete { name } => self.delete_user(name),
            AuthChange::UserChangePassword { name, password } => {
                let mut user = self.copy(name)?;
                user.password =
                    if user.no_password { Default::default() } else { password.clone() };
                let revoked = TokenChange::Revoke { user: name.clone() };
                Ok(Changed { tokens: Some(revoked), ..self.put_user(name, user) })
            }
            AuthChange::UserGrantRole { user, role } => self.grant_role(user, role),
            AuthChange::UserRevokeRole { user: name, role } => {
                let mut user = self.copy(name)?;
                let at = user.roles.binary_search(role).map_err(|_| AuthError::RoleNotGranted)?;
                user.roles.remove(at);
                Ok(self.put_user(name, user))
            }
            AuthChange::RoleAdd { name } => self.add_role(name),
            AuthChange::RoleDelete { name } => self.delete_role(name),
            AuthChange::RoleGrant { role, permission } => self.grant(role, permission),
            AuthChange::RoleRevoke { role, range } => self.revoke(role, range),
            AuthChange::SignIn { user, revision, prefix } => self.sign_in(user, *revision, prefix),
        }
    }

    fn enable(&mut self) -> Result<Changed, AuthError> {
        if self.enabled {
            return Ok(Changed::default());
        }
        let root = self.known(ROOT).ok_or(AuthError::RootUserMissing)?;
        if !root.is_root() {
            return Err(AuthError::RootRoleMissing);
        }
        self.enabled = true;
        Ok(Changed { any: true, ..Changed::default() })
    }

    fn disable(&mut self) -> Changed {
        if !self.enabled {
            return Changed::default();
        }
        self.enabled = false;
        Changed { tokens: Some(TokenChange::Clear), ..self.changed() }
    }

    fn add_user(&mut self, name: &str, user: User) -> Result<Changed, AuthError> {
        if name.is_empty() {
            return Err(AuthError::UserEmpty);
        }
        if self.users.contains_key(name) {
            return Err(AuthError::UserExists);
        }
        Ok(self.put_user(name, user))
    }

    fn delete_user(&mut self, name: &str) -> Result<Changed, AuthError> {
        self.users.remove(name).ok_or(AuthError::UserNotFound)?;
        let tokens = Some(TokenChange::Revoke { user: name.to_owned() });
        Ok(Changed { users: vec![name.to_owned()], tokens, ..self.changed() })
    }

    fn grant_role(&mut self, name: &str, role: &str) -> Result<Changed, AuthError> {
        let mut user = self.copy(name)?;
        if role != ROOT && !self.roles.contains_key(role) {
            return Err(AuthError::RoleNotFound);
        }
        match user.roles.binary_search_by(|own| own.as_str().cmp(role)) {
            Ok(_) => Ok(Changed::default()),
            Err(at) => {
                user.roles.insert(at, role.to_owned());
                Ok(self.put_user(name, user))
            }
        }
    }

    fn add_role(&mut self, name: &str) -> Result<Changed, AuthError> {
        if name.is_empty() {
            return Err(AuthError::RoleEmpty);
        }
        if self.roles.contains_key(name) {
            return Err(AuthError::RoleExists);
        }
        Ok(self.put_role(name, Role::default()))
    }

    fn delete_role(&mut self, name: &str) -> Result<Changed, AuthError> {
        self.roles.remove(name).ok_or(AuthError::RoleNotFound)?;
        let users = self.users_with(name);
        for user in &users {
            let mut without = self.copy(user)?;
            without.roles.retain(|role| role != name);
            let known = self.merge(without);
            self.users.insert(user.clone(), known);
        }
        Ok(Changed { users, roles: vec![name.to_owned()], ..self.changed() })
    }

    fn grant(&mut self, name: &str, permission: &Permission) -> Result<Changed, AuthError> {
        if !permission.is_valid() {
            return Err(AuthError::InvalidManagement);
        }
        let mut role = self.role(name).ok_or(AuthError::RoleNotFound)?.clone();
        let known = role.permissions.iter_mut().find(|known| known.range == permission.range);
        match known {
            Some(known) => known.access = permission.access,
            None => {
                let start = permission.range.start();
                let at = role.permissions.partition_point(|known| known.range.start() <= start);
                role.permissions.insert(at, permission.clone());
            }
        }
        Ok(self.put_role(name, role))
    }

    fn revoke(&mut self, name: &str, range: &KeyRange) -> Result<Changed, AuthError> {
        let mut role = self.role(name).ok_or(AuthError::RoleNotFound)?.clone();
        let before = role.permissions.len();
        role.permissions.retain(|known| known.range != *range);
        if role.permissions.len() == before {
            return Err(AuthError::PermissionNotGranted);
        }
        Ok(self.put_role(name, role))
    }

    fn sign_in(&self, name: &str, revision: u64, prefix: &str) -> Result<Changed, AuthError> {
        if !self.enabled {
            return Err(AuthError::NotEnabled);
        }
        let user = self.user(name).ok_or(AuthError::Failed)?;
        if user.no_password {
            return Err(AuthError::Failed);
        }
        // The password may be another one by now.
        if revision != self.revision {
            return Err(AuthError::OldRevision);
        }
        let assigned = TokenChange::Assign { user: name.to_owned(), prefix: prefix.to_owned() };
        Ok(Changed { tokens: Some(assigned), ..Changed::default() })
    }

    fn copy(&self, name: &str) -> Result<User, AuthError> {
        self.user(name).cloned().ok_or(AuthError::UserNotFound)
    }

    fn put_user(&mut self, name: &str, user: User) -> Changed {
        let known = self.merge(user);
        self.users.insert(name.to_owned(), known);
        Changed { users: vec![name.to_owned()], ..self.changed() }
    }

    /// Stores a role and merges anew what its users may do.
    fn put_role(&mut self, name: &str, role: Role) -> Changed {
        self.roles.insert(name.to_owned(), Arc::new(role));
        for user in self.users_with(name) {
            if let Some(known) = self.users.get(&user) {
                let known = self.merge(known.user.clone());
                self.users.insert(user, known);
            }
        }
        Changed { roles: vec![name.to_owned()], ..self.changed() }
    }

    fn users_with(&self, role: &str) -> Vec<String> {
        let with = self.users.iter().filter(|(_, known)| known.user.has(role));
        with.map(|(name, _)| name.clone()).collect()
    }

    fn merge(&self, user: User) -> Arc<Known> {
        let permissions =
            || user.roles.iter().filter_map(|role| self.role(role)).flat_map(|it| &it.permissions);
        let reads = permissions().filter(|one| one.access.reads()).map(|one| &one.range).collect();
        let writes =
            permissions().filter(|one| one.access.writes()).map(|one| &one.range).collect();
        Arc::new(Known { user, reads, writes })
    }

    fn changed(&mut self) -> Changed {
        self.revision += 1;
        Changed { any: true, ..Changed::default() }
    }
}
