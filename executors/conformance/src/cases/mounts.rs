//! Host paths that a task sees.

use crate::failure::{holds, same};
use crate::{Bench, Case, Failure, Need, Verdict};
use quorate_executor::{Error, Mount, Observed};
use std::path::PathBuf;

pub(super) const CASES: &[Case] = &[
    Case::new("mounts.a_directory_at_its_own_path", |b| Box::pin(own_path(b))).with(&[Need::Files]),
    Case::new("mounts.a_directory_at_another_path", |b| Box::pin(moved(b))).with(&[Need::Mounts]),
    Case::new("mounts.a_file", |b| Box::pin(file(b))).with(&[Need::Mounts]),
    Case::new("mounts.read_only_is_read_only", |b| Box::pin(read_only(b))).with(&[Need::Mounts]),
    Case::new("mounts.a_missing_host_path_is_an_error", |b| Box::pin(missing(b)))
        .with(&[Need::Mounts]),
    Case::new("mounts.one_that_cannot_be_given_is_unsupported", |b| Box::pin(unsupported(b)))
        .without(Need::Mounts),
];

/// Makes a directory of the host with a file in it.
fn host_dir(b: &Bench<'_>) -> Result<PathBuf, Failure> {
    let dir = b.file("volume");
    std::fs::create_dir_all(&dir).map_err(Failure::kit("make a directory"))?;
    std::fs::write(dir.join("given"), "from the host").map_err(Failure::kit("write a file"))?;
    Ok(dir)
}

async fn own_path(b: &Bench<'_>) -> Verdict {
    let dir = host_dir(b)?;
    let (read, write) = (dir.join("given"), dir.join("made"));
    let spec = b.task(
        "main",
        &[&format!("read={}", read.display()), &format!("write={}:from the task", write.display())],
    );
    same("the code", Some(0), b.run_out(&spec).await?.code)?;
    same("what it read", vec!["read from the host".to_owned()], b.texts(&spec)?)?;
    let made = std::fs::read_to_string(write).map_err(Failure::kit("read what the task wrote"))?;
    same("what it wrote", "from the task", made.as_str())
}

async fn moved(b: &Bench<'_>) -> Verdict {
    let dir = host_dir(b)?;
    let mut spec = b.task("main", &["read=/volume/given", "write=/volume/made:from the task"]);
    spec.mounts.push(mount(&dir, "/volume", false));
    same("the code", Some(0), b.run_out(&spec).await?.code)?;
    same("what it read", vec!["read from the host".to_owned()], b.texts(&spec)?)?;
    let made = std::fs::read_to_string(dir.join("made"));
    let made = made.map_err(Failure::kit("read what the task wrote"))?;
    same("what it wrote", "from the task", made.as_str())
}

async fn file(b: &Bench<'_>) -> Verdict {
    let dir = host_dir(b)?;
    let mut spec = b.task("main", &["read=/etc/given"]);
    spec.mounts.push(mount(&dir.join("given"), "/etc/given", true));
    same("the code", Some(0), b.run_out(&spec).await?.code)?;
    same("what it read", vec!["read from the host".to_owned()], b.texts(&spec)?)
}

async fn read_only(b: &Bench<'_>) -> Verdict {
    let dir = host_dir(b)?;
    let mut spec = b.task("main", &["read=/volume/given", "refused=/volume/given"]);
    spec.mounts.push(mount(&dir, "/volume", true));
    b.run_out(&spec).await?;
    let expected = ["read from the host", "refused"].map(str::to_owned).to_vec();
    same("what it could do", expected, b.texts(&spec)?)?;
    let kept = std::fs::read_to_string(dir.join("given"));
    same("the file", "from the host", kept.map_err(Failure::kit("read a file"))?.as_str())
}

async fn missing(b: &Bench<'_>) -> Verdict {
    let mut spec = b.task("main", &["out=ran"]);
    spec.mounts.push(mount(&b.file("nowhere"), "/volume", false));
    b.keep(&spec.id);
    let answer = match b.executor().create(&spec).await {
        Ok(()) => b.executor().start(&spec.id).await.map(drop),
        refused => refused,
    };
    holds("it does not run", answer.is_err(), &answer)?;
    same("its output", Vec::<String>::new(), b.texts(&spec)?)?;
    holds("nothing is made on the host", !b.file("nowhere").exists(), "a directory")
}

async fn unsupported(b: &Bench<'_>) -> Verdict {
    let dir = host_dir(b)?;
    for mount in [mount(&dir, "/volume", false), mount(&dir, &dir.to_string_lossy(), true)] {
        let mut spec = b.task("main", &["exit=0"]);
        spec.mounts.push(mount);
        let answer = b.executor().create(&spec).await;
        b.keep(&spec.id);
        holds("it is refused", matches!(answer, Err(Error::Unsupported { .. })), &answer)?;
        same("the task", Observed::Absent, b.observe(&spec.id).await)?;
    }
    Ok(())
}

fn mount(host: &std::path::Path, task: &str, read_only: bool) -> Mount {
    Mount { host_path: host.to_owned(), task_path: task.into(), read_only }
}
