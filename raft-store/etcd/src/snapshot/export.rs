//! Writing a state as an etcd keeps it.

use super::schema::*;
use crate::proto::etcdserverpb as pb;
use quorate_bolt::{Layout, WriteError, Writer};
use quorate_member::{AuthTables, History};
use quorate_types::Revision;
use std::io::{self, Write};
use std::ops::ControlFlow;

/// Bytes of a page: what etcd uses where memory has such pages.
pub(super) const PAGE_BYTES: u32 = 4096;
/// Changes between two questions whether anybody still reads.
const ASK_EVERY: u32 = 1024;

/// Why a state cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error(transparent)]
    State(#[from] quorate_store::Error),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Whether there is still a reader.
pub(super) type Wanted<'a> = &'a dyn Fn() -> bool;

/// Tells the layout of the file that [`write`] writes.
pub(super) fn measure(
    history: &History<'_>,
    members: &[pb::Member],
    wanted: Wanted<'_>,
) -> Result<Layout, ExportError> {
    fill(Writer::measuring(PAGE_BYTES), history, members, wanted)
}

/// Writes a file of the measured layout.
pub(super) fn write(
    out: impl Write,
    layout: Layout,
    history: &History<'_>,
    members: &[pb::Member],
    wanted: Wanted<'_>,
) -> Result<(), ExportError> {
    fill(Writer::new(out, layout)?, history, members, wanted).map(drop)
}

/// All buckets, in the order of their names.
fn fill<W: Write>(
    mut writer: Writer<W>,
    history: &History<'_>,
    members: &[pb::Member],
    wanted: Wanted<'_>,
) -> Result<Layout, ExportError> {
    let mut alarms: Vec<_> = history.alarms().map(encode_alarm).collect();
    alarms.sort();
    bucket(&mut writer, ALARM, alarms.iter().map(|alarm| (&alarm[..], &b""[..])))?;
    auth(&mut writer, &history.auth().map_err(quorate_store::Error::from)?)?;
    bucket(&mut writer, CLUSTER, [])?;
    changes(&mut writer, history, wanted)?;
    leases(&mut writer, history)?;
    let mut members: Vec<_> =
        members.iter().map(|m| (member_key(m.id), encode_member(m), m.clone())).collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    bucket(&mut writer, MEMBERS, members.iter().map(|(key, json, _)| (&key[..], &json[..])))?;
    bucket(&mut writer, MEMBERS_REMOVED, [])?;
    let members: Vec<_> = members.into_iter().map(|(_, _, member)| member).collect();
    meta(&mut writer, history, &members)?;
    Ok(writer.finish()?)
}

fn bucket<'a, W: Write>(
    writer: &mut Writer<W>,
    name: &str,
    pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), WriteError> {
    writer.bucket(name.as_bytes())?;
    pairs.into_iter().try_for_each(|(key, value)| writer.pair(key, value))
}

fn auth<W: Write>(writer: &mut Writer<W>, tables: &AuthTables) -> Result<(), WriteError> {
    let revision = tables.revision.to_be_bytes();
    let enabled = [u8::from(tables.enabled)];
    let known = tables.revision > 0 || tables.enabled;
    let switches = [(AUTH_ENABLED, &enabled[..]), (AUTH_REVISION, &revision[..])];
    bucket(writer, AUTH, switches.into_iter().filter(|_| known))?;
    bucket(writer, AUTH_ROLES, tables.roles.iter().map(|(name, role)| (&name[..], &role[..])))?;
    bucket(writer, AUTH_USERS, tables.users.iter().map(|(name, user)| (&name[..], &user[..])))
}

fn changes<W: Write>(
    writer: &mut Writer<W>,
    history: &History<'_>,
    wanted: Wanted<'_>,
) -> Result<(), ExportError> {
    writer.bucket(KEY.as_bytes())?;
    let (mut result, mut count) = (Ok(()), 0_u32);
    let told = history.changes(&mut |key, value| {
        count = count.wrapping_add(1);
        if count.is_multiple_of(ASK_EVERY) && !wanted() {
            result = Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        } else {
            result = writer.pair(key, value);
        }
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    told.map_err(quorate_store::Error::from)?;
    Ok(result?)
}

fn leases<W: Write>(writer: &mut Writer<W>, history: &History<'_>) -> Result<(), ExportError> {
    writer.bucket(LEASE.as_bytes())?;
    let mut leases = history.leases().map_err(quorate_store::Error::from)?;
    leases.sort_by_key(|lease| lease.id.0.to_be_bytes());
    for lease in leases {
        let (key, value) = encode_lease(lease);
        writer.pair(&key, &value)?;
    }
    Ok(())
}

/// What etcd remembers of Raft and of compactions. No version of the storage: every release from 3.4
/// on takes it for its own or an older one.
fn meta<W: Write>(
    writer: &mut Writer<W>,
    history: &History<'_>,
    members: &[pb::Member],
) -> Result<(), WriteError> {
    let applied = history.applied();
    let index = applied.index.map_or(0, |index| index.0).to_be_bytes();
    let term = applied.term.0.to_be_bytes();
    let conf_state = encode_conf_state(members);
    let compaction = encode_compaction(history.compacted());
    let is_compacted = history.compacted() > Revision::NONE;
    let pairs = [
        (CONF_STATE, &conf_state[..]),
        (CONSISTENT_INDEX, &index[..]),
        (FINISHED_COMPACTION, &compaction[..]),
        (SCHEDULED_COMPACTION, &compaction[..]),
        (TERM, &term[..]),
    ];
    let told =
        |key: &[u8]| is_compacted || ![FINISHED_COMPACTION, SCHEDULED_COMPACTION].contains(&key);
    bucket(writer, META, pairs.into_iter().filter(|(key, _)| told(key)))
}
