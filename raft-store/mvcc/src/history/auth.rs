//! Users and roles as they are told and taken in.
//!
//! This store keeps none yet: a state tells of none, and takes in none.

use super::{History, LoadError, Loader};
use crate::Error;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Users and roles, in etcd's messages (`authpb`) by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthTables {
    /// Whether requests are checked.
    pub enabled: bool,
    /// Counts the changes of users and roles; 0 if there never was any.
    pub revision: u64,
    /// `authpb.User`, by name.
    pub users: BTreeMap<Bytes, Bytes>,
    /// `authpb.Role`, by name.
    pub roles: BTreeMap<Bytes, Bytes>,
}

impl AuthTables {
    fn is_empty(&self) -> bool {
        !self.enabled && self.users.is_empty() && self.roles.is_empty()
    }
}

impl History<'_> {
    /// Users and roles.
    ///
    /// # Errors
    /// The database failed.
    pub fn auth(&self) -> Result<AuthTables, Error> {
        Ok(AuthTables::default())
    }
}

impl Loader<'_> {
    /// Takes in users and roles.
    ///
    /// # Errors
    /// [`LoadError::Auth`]: one of them makes no sense, or cannot be kept.
    pub fn auth(&mut self, tables: &AuthTables) -> Result<(), LoadError> {
        if tables.is_empty() {
            return Ok(());
        }
        let (users, roles) = (tables.users.len(), tables.roles.len());
        let reason = format!("this version keeps none, and there are {users} users, {roles} roles");
        Err(LoadError::Auth { reason })
    }
}
