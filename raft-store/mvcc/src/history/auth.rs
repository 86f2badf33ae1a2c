//! Users and roles as they are told and taken in.

use super::{History, LoadError, Loader};
use crate::Error;
use crate::auth::{table_rows, tables};
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

impl History<'_> {
    /// Users and roles.
    ///
    /// # Errors
    /// The database failed.
    pub fn auth(&self) -> Result<AuthTables, Error> {
        tables(self.view)
    }
}

impl Loader<'_> {
    /// Takes in users and roles.
    ///
    /// # Errors
    /// [`LoadError::Auth`]: one of them makes no sense; or the database failed.
    pub fn auth(&mut self, tables: &AuthTables) -> Result<(), LoadError> {
        let rows = table_rows(tables).map_err(|reason| LoadError::Auth { reason })?;
        Ok(self.state.db().write(&rows)?)
    }
}
