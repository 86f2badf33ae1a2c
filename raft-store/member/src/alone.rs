//! Making a member the only one of its cluster, for when the majority is lost for good.

use crate::data_dir::DataDir;
use crate::error::Error;
use crate::options::MemberOptions;
use quorate_log::{Identity, RaftLog};
use quorate_raft::{ClusterMember, Role};
use quorate_seams::{Seams, spawn_blocking};
use std::sync::mpsc;

/// Makes a member that does not run the only one of its cluster, under the same ids; start it
/// afterwards. What it has stays, what only the others had is lost, and the others must never run
/// again with their directories.
///
/// # Errors
/// The directory is in use or not this member's, or the member has never run.
pub async fn force_new_cluster(
    options: MemberOptions,
    addr: impl Into<String> + Send,
    seams: Seams,
) -> Result<(), Error> {
    let addr = addr.into();
    let done = spawn_blocking(move || force(&options, addr, &seams)).await;
    done.unwrap_or_else(|| {
        Err(Error::Options { reason: "forcing a new cluster panicked; see the log".to_owned() })
    })
}

fn force(options: &MemberOptions, addr: String, seams: &Seams) -> Result<(), Error> {
    let dir = DataDir::open(&seams.disk, &options.data_dir, options.cluster, options.id)?;
    let path = options.wal_dir.clone().unwrap_or_else(|| dir.log());
    let identity = Identity { cluster: options.cluster, member: options.id };
    let failed = |source| Error::Log { path: path.clone(), source };
    let log = RaftLog::open(seams.disk.clone(), &path, identity, options.log).map_err(failed)?;
    let (told, durable) = mpsc::channel();
    let alone = ClusterMember::new(options.id, addr, Role::Voter);
    // A receiver that is gone has failed already.
    let done = Box::new(move |result| drop(told.send(result)));
    let appended = quorate_raft::make_alone(&log, &alone, done).map_err(Error::io(&path));
    let durable = appended.map(|()| durable.into_iter().next());
    log.close();
    match durable? {
        Some(result) => result.map_err(failed),
        None => Err(Error::io(&path)(std::io::Error::other("the log did not answer"))),
    }
}
