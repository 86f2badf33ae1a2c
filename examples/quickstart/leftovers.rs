//! What is left of the workloads: processes, directories, objects.

use quorate::store::{Error, RangeRequest, SharedStore};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Ids of the processes whose program lies below a directory, and of shims: copies of this program.
pub(crate) fn processes_of(programs: &Path) -> io::Result<Vec<u32>> {
    let (own, me) = (std::env::current_exe()?, std::process::id());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Ok(id) = name.to_string_lossy().parse::<u32>() else { continue };
        // A process that ended meanwhile, or belongs to somebody else, is not one of ours.
        let Ok(program) = fs::read_link(format!("/proc/{id}/exe")) else { continue };
        if program.starts_with(programs) || (program == own && id != me) {
            found.push(id);
        }
    }
    Ok(found)
}

/// Directories of pods below the directories of all nodes.
pub(crate) fn pod_directories(nodes: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for node in fs::read_dir(nodes)? {
        let pods = node?.path().join("pods");
        if pods.is_dir() {
            for pod in fs::read_dir(pods)? {
                found.push(pod?.path());
            }
        }
    }
    Ok(found)
}

/// Keys of the store in which a name occurs.
pub(crate) async fn keys_mentioning(store: &SharedStore, name: &str) -> Result<Vec<String>, Error> {
    let all = store.range(RangeRequest::prefix("/")).await?;
    let keys = all.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned());
    Ok(keys.filter(|key| key.contains(name)).collect())
}
