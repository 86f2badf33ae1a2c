//! Users and roles as rows that are moved in and out as they are.

use super::records::{ROLE, RoleMessage, STATUS, StatusMessage, USER, UserMessage};
use crate::Error;
use crate::db::{Batch, Family, Step, View};
use crate::history::AuthTables;
use crate::layout::{damaged, prefix_bounds};
use bytes::Bytes;
use prost::Message;
use std::collections::BTreeMap;

/// Reads all of them.
pub(crate) fn tables(view: &dyn View) -> Result<AuthTables, Error> {
    let status = match view.value(Family::Auth, STATUS)? {
        Some(bytes) => StatusMessage::decode(bytes)
            .map_err(|_| damaged("whether authentication is enabled", STATUS))?,
        None => StatusMessage::default(),
    };
    let StatusMessage { enabled, revision } = status;
    Ok(AuthTables { enabled, revision, users: named(view, USER)?, roles: named(view, ROLE)? })
}

fn named(view: &dyn View, tag: u8) -> Result<BTreeMap<Bytes, Bytes>, Error> {
    let (start, end) = prefix_bounds(vec![tag]);
    let mut found = BTreeMap::new();
    view.scan(Family::Auth, &start, end.as_deref(), &mut |key, value| {
        found.insert(Bytes::copy_from_slice(&key[1..]), Bytes::copy_from_slice(value));
        Ok(Step::Next)
    })?;
    Ok(found)
}

/// What must be written so that these are the users and roles.
///
/// # Errors
/// Which of them makes no sense.
pub(crate) fn table_rows(tables: &AuthTables) -> Result<Batch, String> {
    let mut batch = Batch::default();
    let AuthTables { enabled, revision, users, roles } = tables;
    let status = StatusMessage { enabled: *enabled, revision: *revision };
    batch.put(Family::Auth, STATUS, status.encode_to_vec());
    for (name, bytes) in users {
        let user = UserMessage::decode(bytes.clone()).ok().filter(|user| user.name == name);
        if user.is_none() || std::str::from_utf8(name).is_err() {
            return Err(format!("user \"{}\" is no user of that name", name.escape_ascii()));
        }
        batch.put(Family::Auth, [&[USER], &name[..]].concat(), bytes.clone());
    }
    for (name, bytes) in roles {
        let role = RoleMessage::decode(bytes.clone()).ok().filter(|role| role.name == name);
        if role.is_none() || std::str::from_utf8(name).is_err() {
            return Err(format!("role \"{}\" is no role of that name", name.escape_ascii()));
        }
        batch.put(Family::Auth, [&[ROLE], &name[..]].concat(), bytes.clone());
    }
    Ok(batch)
}
