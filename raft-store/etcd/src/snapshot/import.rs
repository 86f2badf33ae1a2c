//! A new cluster from an etcd's data.

use super::error::Error;
use super::file::SnapshotFile;
use super::schema::*;
use super::wal;
use bytes::Bytes;
use quorate_member::{AuthTables, Loaded, Loader, Restore, restore_with};
use quorate_seams::Seams;
use quorate_types::Revision;
use std::path::PathBuf;

/// What was taken in, and what was left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Changes, leases, and the revision.
    pub loaded: Loaded,
    /// Users and roles.
    pub users: usize,
    /// Users and roles.
    pub roles: usize,
    /// Alarms of the old cluster's members, which the new cluster does not have.
    pub alarms_dropped: usize,
}

/// Makes the directory of a member of a new cluster from an etcd's data: the whole history, leases,
/// users and roles. Start every member with the cluster's id afterwards.
///
/// # Errors
/// [`quorate_member::Error::Load`] with an [`Error`] inside if something in the data does not make
/// sense, or the database of a data directory lags behind its log; the directory is in use or holds
/// something. A directory that was made in vain can be removed.
pub async fn import(
    from: SnapshotFile,
    data_dir: impl Into<PathBuf> + Send,
    as_member: Restore,
    seams: Seams,
) -> Result<Imported, quorate_member::Error> {
    restore_with(move |loader| Ok(load(&from, loader)?), data_dir, as_member, seams).await
}

fn load(from: &SnapshotFile, mut loader: Loader<'_>) -> Result<Imported, Error> {
    let meta = meta(from)?;
    if let Some(data_dir) = &from.data_dir {
        wal::check(data_dir, meta.index)?;
    }
    let failed = |source| Error::Load { path: from.path.clone(), source };
    let auth = auth(from)?;
    loader.auth(&auth).map_err(failed)?;
    from.each(LEASE, &mut |key, value| {
        let lease = decode_lease(value).filter(|lease| lease.id.0.to_be_bytes() == key);
        let lease = lease.ok_or_else(|| from.content(LEASE, key, "it is no lease of that id"))?;
        loader.lease(lease).map_err(failed)
    })?;
    from.each(KEY, &mut |key, value| loader.change(key, value).map_err(failed))?;
    let mut alarms_dropped = 0;
    from.each(ALARM, &mut |_, _| {
        alarms_dropped += 1;
        Ok(())
    })?;
    let loaded = loader.finish(meta.finished, meta.scheduled).map_err(failed)?;
    Ok(Imported { loaded, users: auth.users.len(), roles: auth.roles.len(), alarms_dropped })
}

#[derive(Default)]
struct Meta {
    index: u64,
    finished: Revision,
    scheduled: Revision,
}

fn meta(from: &SnapshotFile) -> Result<Meta, Error> {
    let mut meta = Meta::default();
    from.each(META, &mut |key, value| {
        let revision =
            || decode_revision(value).ok_or_else(|| from.content(META, key, "it is no revision"));
        match key {
            CONSISTENT_INDEX => {
                let index = decode_number(value);
                meta.index = index.ok_or_else(|| from.content(META, key, "it is no number"))?;
            }
            FINISHED_COMPACTION => meta.finished = revision()?,
            SCHEDULED_COMPACTION => meta.scheduled = revision()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(meta)
}

fn auth(from: &SnapshotFile) -> Result<AuthTables, Error> {
    let mut tables = AuthTables::default();
    from.each(AUTH, &mut |key, value| {
        match key {
            AUTH_ENABLED => tables.enabled = value == [1],
            AUTH_REVISION => {
                let revision = decode_number(value);
                tables.revision =
                    revision.ok_or_else(|| from.content(AUTH, key, "it is no number"))?;
            }
            _ => {}
        }
        Ok(())
    })?;
    let copy = Bytes::copy_from_slice;
    from.each(AUTH_USERS, &mut |name, user| {
        tables.users.insert(copy(name), copy(user));
        Ok(())
    })?;
    from.each(AUTH_ROLES, &mut |name, role| {
        tables.roles.insert(copy(name), copy(role));
        Ok(())
    })?;
    Ok(tables)
}
