//! quorate-etcdutl: moves the data of an etcd into quorate-etcd, while neither runs.
//!
//! ```text
//! quorate-etcdutl snapshot status FILE
//! quorate-etcdutl snapshot restore FILE --data-dir DIR [--skip-hash-check]
//! quorate-etcdutl import ETCD-DATA-DIR --data-dir DIR
//! ```
//!
//! FILE is what `etcdctl snapshot save` wrote, of an etcd 3.4 to 3.6 or of quorate-etcd. The new
//! cluster is told as `etcdutl` is: `--name`, `--initial-cluster`, `--initial-cluster-token`. For a
//! cluster of several, restore the same file once for each member, and start all of them.
//! The way back is `etcdctl snapshot save` from quorate-etcd and `etcdutl snapshot restore`.

mod arguments;

use arguments::{Arguments, Failure};
use quorate_etcd::InitialCluster;
use quorate_etcd::snapshot::{Imported, SnapshotFile, import};
use quorate_member::Restore;
use quorate_seams::Seams;
use std::io::{Write, stdout};
use std::process::ExitCode;

const USAGE: &str = "quorate-etcdutl snapshot status FILE
quorate-etcdutl snapshot restore FILE --data-dir DIR [--skip-hash-check] [MEMBER]
quorate-etcdutl import ETCD-DATA-DIR --data-dir DIR [MEMBER]
MEMBER: [--name NAME] [--initial-cluster NAME=URL,…] [--initial-cluster-token TOKEN]
";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(told) => tell(&told),
        Err(error) => {
            tell_failure(&*error);
            ExitCode::FAILURE
        }
    }
}

fn tell(text: &str) -> ExitCode {
    match stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn tell_failure(error: &dyn std::error::Error) {
    // There is nobody left to tell of a failure to tell.
    let _ = writeln!(std::io::stderr(), "quorate-etcdutl: {error}");
}

async fn run() -> Result<String, Failure> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    match words[..] {
        ["snapshot", "status", file] => status(file),
        ["snapshot", "restore", file] => restore(open(file, &arguments)?, &arguments).await,
        ["import", dir] => restore(SnapshotFile::open_data_dir(dir)?, &arguments).await,
        _ => Err(format!("not understood; known are\n{USAGE}").into()),
    }
}

fn open(file: &str, arguments: &Arguments) -> Result<SnapshotFile, Failure> {
    Ok(match arguments.skip_hash_check {
        true => SnapshotFile::open_unchecked(file)?,
        false => SnapshotFile::open(file)?,
    })
}

/// The line of `etcdutl snapshot status`: hash, revision, pairs, bytes.
fn status(file: &str) -> Result<String, Failure> {
    let status = SnapshotFile::open_unchecked(file)?.status()?;
    let (revision, keys, bytes) = (status.revision, status.total_keys, status.total_bytes);
    Ok(format!("{:x}, {revision}, {keys}, {bytes}\n", status.hash))
}

async fn restore(from: SnapshotFile, arguments: &Arguments) -> Result<String, Failure> {
    let data_dir = arguments.needed("data-dir")?;
    let name = arguments.get("name", "default");
    let alone = format!("{name}=http://localhost:2380");
    let initial = InitialCluster::parse(
        arguments.get("initial-cluster", &alone),
        arguments.get("initial-cluster-token", "etcd-cluster"),
    )?;
    let missing = || format!("--initial-cluster does not name {name:?}: add it");
    let id = initial.named(name).ok_or_else(missing)?.id;
    let as_member = Restore {
        cluster: initial.cluster,
        id,
        members: initial.voters(),
        log: Default::default(),
    };
    let Imported { loaded, users, roles, alarms_dropped, .. } =
        import(from, data_dir, as_member, Seams::system()).await?;
    Ok(format!(
        "{data_dir}: revision {}, {} changes, {} leases, {users} users, {roles} roles, {alarms_dropped} alarms dropped\n",
        loaded.revision, loaded.changes, loaded.leases,
    ))
}
