//! From a task's mounts to the directories that its guest finds open.
//!
//! WASI knows directories only. A mounted file is linked into a directory of the task's own, which
//! stands for the file's parent: the guest sees that file there and nothing else.
//!
//! Invariant: a mount that cannot be given exactly is refused, never given in part or with more rights.

use crate::executor::KIND;
use quorate_executor::{Error, Mount, TaskSpec};
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A directory that a guest finds open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preopen {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
    pub(crate) read_only: bool,
}

/// Demands that all mounts can be given.
///
/// # Errors
/// [`Error::Invalid`] for one that is contradictory or whose host path is not there,
/// [`Error::Unsupported`] for one that this executor cannot give.
pub(crate) fn check(spec: &TaskSpec) -> Result<(), Error> {
    let invalid = |reason: String| spec.invalid("mounts", reason);
    for (at, mount) in spec.mounts.iter().enumerate() {
        let (host, task) = (&mount.host_path, &mount.task_path);
        if !is_plain(task) {
            return Err(invalid(format!("{} must be absolute and without ..", task.display())));
        }
        if !host.is_dir() && !host.is_file() {
            return Err(invalid(format!("{} is no directory and no file", host.display())));
        }
        if spec.mounts[..at].iter().any(|other| other.task_path == *task) {
            return Err(invalid(format!("{} is mounted twice", task.display())));
        }
    }
    spec.mounts.iter().filter(|mount| mount.host_path.is_file()).try_for_each(|file| {
        let rival = spec.mounts.iter().find(|other| clash(file, other));
        rival.map_or(Ok(()), |rival| {
            let (file, rival) = (file.task_path.display(), rival.task_path.display());
            let what = format!("the file mount {file} beside {rival}; mount a directory instead");
            Err(Error::Unsupported { executor: KIND, what })
        })
    })
}

fn is_plain(path: &Path) -> bool {
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    path.is_absolute() && path.to_str().is_some() && path.components().all(plain)
}

/// Whether a file cannot be given beside another mount: its parent is that one's directory, or holds
/// a file with other rights.
fn clash(file: &Mount, other: &Mount) -> bool {
    let parent = file.task_path.parent();
    if other.host_path.is_dir() {
        return parent == Some(&other.task_path);
    }
    parent == other.task_path.parent() && file.read_only != other.read_only
}

/// Makes the directories of a task's mounts; those of files lie below `staging`.
///
/// # Errors
/// A file cannot be linked: the text says which, and why.
pub(crate) fn open(mounts: &[Mount], staging: &Path) -> Result<Vec<Preopen>, String> {
    let (mut preopens, mut parents) = (Vec::new(), BTreeMap::<&Path, Vec<&Mount>>::new());
    for mount in mounts {
        match mount.task_path.parent().filter(|_| mount.host_path.is_file()) {
            Some(parent) => parents.entry(parent).or_default().push(mount),
            None => preopens.push(preopen(&mount.host_path, &mount.task_path, mount.read_only)),
        }
    }
    for (at, (parent, files)) in parents.into_iter().enumerate() {
        let dir = staging.join(at.to_string());
        for file in &files {
            let failed = |error| format!("mount {}: {error}", file.task_path.display());
            give(file, &dir).map_err(failed)?;
        }
        preopens.push(preopen(&dir, parent, files.iter().all(|file| file.read_only)));
    }
    Ok(preopens)
}

fn preopen(host: &Path, guest: &Path, read_only: bool) -> Preopen {
    Preopen { host: host.to_owned(), guest: guest.to_string_lossy().into_owned(), read_only }
}

/// Links a file into a directory; one that is only read may be copied where it cannot be linked.
fn give(file: &Mount, dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let name = file.task_path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let (from, to) = (file.host_path.canonicalize()?, dir.join(name));
    match std::fs::hard_link(&from, &to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) if file.read_only => std::fs::copy(&from, &to).map(drop),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(host: &Path, task: &str, read_only: bool) -> Mount {
        Mount { host_path: host.to_owned(), task_path: task.into(), read_only }
    }

    #[test]
    fn a_file_is_alone_in_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let (secret, given) = (dir.path().join("secret"), dir.path().join("given"));
        std::fs::write(&secret, "no").unwrap();
        std::fs::write(&given, "yes").unwrap();
        let staging = dir.path().join("staging");
        let mounts = [mount(&given, "/etc/given", true), mount(dir.path(), "/all", false)];
        let preopens = open(&mounts, &staging).unwrap();
        let etc = Preopen { host: staging.join("0"), guest: "/etc".into(), read_only: true };
        let all = Preopen { host: dir.path().into(), guest: "/all".into(), read_only: false };
        assert_eq!(preopens, [all, etc]);
        let names: Vec<_> = staging.join("0").read_dir().unwrap().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(std::fs::read_to_string(staging.join("0/given")).unwrap(), "yes");
    }

    #[test]
    fn files_clash_with_what_would_change_their_rights_or_surroundings() {
        let dir = tempfile::tempdir().unwrap();
        let given = dir.path().join("given");
        std::fs::write(&given, "yes").unwrap();
        let file = mount(&given, "/etc/given", true);
        assert!(clash(&file, &mount(dir.path(), "/etc", false)));
        assert!(clash(&file, &mount(&given, "/etc/other", false)));
        assert!(!clash(&file, &mount(&given, "/etc/other", true)));
        assert!(!clash(&file, &mount(dir.path(), "/var", false)));
        assert!(
            !is_plain("/a/../b".as_ref()) && !is_plain("a".as_ref()) && is_plain("/a".as_ref())
        );
    }
}
