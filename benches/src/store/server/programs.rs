//! Where the programs are: ours beside this one, etcd where the environment says, in PATH, or where
//! `benches/fetch-etcd` puts it.

use crate::store::Failure;
use crate::store::options::Options;
use std::path::PathBuf;
use std::process::Command;

/// A server to measure.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// As in the table.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// Ours first, then every version of etcd that is found.
#[allow(clippy::print_stdout, reason = "a bench says what it leaves out")]
pub(crate) fn programs(options: &Options) -> Result<Vec<Program>, Failure> {
    let beside = std::env::current_exe()?.with_file_name("quorate-etcd");
    let path = std::env::var_os("QUORATE_ETCD").map_or(beside, PathBuf::from);
    if !path.exists() {
        return Err(
            format!("{} does not exist: build it, or set QUORATE_ETCD", path.display()).into()
        );
    }
    let mut programs = vec![Program { name: "ours".to_owned(), path }];
    if options.ours_only {
        return Ok(programs);
    }
    for path in places() {
        let Some(version) = version(&path) else { continue };
        let name = format!("etcd {version}");
        if programs.iter().all(|known| known.name != name) {
            programs.push(Program { name, path });
        }
    }
    programs[1..].sort_by(|a, b| a.name.cmp(&b.name));
    if programs.len() == 1 {
        println!("SKIP etcd: none found. Run benches/fetch-etcd, install etcd-server, or name");
        println!("programs in ETCD_BINS (paths with colons between them).");
    }
    Ok(programs)
}

fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    for name in ["ETCD_BIN", "ETCD_BINS"] {
        let value = std::env::var_os(name).unwrap_or_default();
        places.extend(std::env::split_paths(&value));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.extend(std::env::split_paths(&path).map(|dir| dir.join("etcd")));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    if let Some(cache) = cache.or_else(home) {
        let fetched = std::fs::read_dir(cache.join("quorate").join("etcd"));
        let fetched = fetched.into_iter().flatten().flatten();
        places.extend(fetched.map(|entry| entry.path().join("etcd")));
    }
    places.retain(|place| place.is_file());
    places
}

/// What a program says that it is: the first line is `etcd Version: 3.4.23`.
fn version(path: &PathBuf) -> Option<String> {
    let output = Command::new(path).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().next()?.strip_prefix("etcd Version: ")?;
    Some(version.trim().to_owned())
}
