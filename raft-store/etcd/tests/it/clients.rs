//! Clients that others wrote do their usual jobs, unmodified.

use crate::own::Own;
use crate::stock::program;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Runs `etcdctl` to its end; gives what it printed.
async fn etcdctl(program: &Path, addr: SocketAddr, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .env("ETCDCTL_API", "3")
        .args([
            "--endpoints",
            &addr.to_string(),
            "--dial-timeout",
            "10s",
            "--command-timeout",
            "20s",
        ])
        .args(arguments)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text} {errors}");
    text
}

/// The jobs that etcdctl of every release knows.
async fn jobs(program: &Path) {
    let own = Own::start().await;
    let run = async |arguments: &[&str]| etcdctl(program, own.addr, arguments).await;
    assert_eq!(run(&["put", "a", "1"]).await, "OK\n");
    assert_eq!(run(&["get", "a"]).await, "a\n1\n");
    assert_eq!(run(&["put", "--prev-kv", "a", "2"]).await, "OK\na\n1\n");
    run(&["put", "ab", "3"]).await;
    let listed = run(&["get", "a", "--prefix", "--keys-only", "--sort-by=KEY", "--order=DESCEND"]);
    assert_eq!(listed.await, "ab\n\na\n\n");
    assert!(run(&["get", "a", "--prefix", "-w", "fields"]).await.contains("\"Count\" : 2"));
    assert_eq!(run(&["del", "ab"]).await, "1\n");
    let granted = run(&["lease", "grant", "600"]).await;
    let lease = granted.split_whitespace().nth(1).unwrap().to_owned();
    run(&["put", "leased", "v", "--lease", &lease]).await;
    let left = run(&["lease", "timetolive", &lease, "--keys"]).await;
    assert!(left.contains("granted with TTL(600s)") && left.contains("[leased]"), "{left}");
    assert!(run(&["lease", "keep-alive", "--once", &lease]).await.contains("TTL(600)"));
    assert!(run(&["lease", "list"]).await.contains(&lease));
    run(&["lease", "revoke", &lease]).await;
    assert_eq!(run(&["get", "leased"]).await, "");
    assert!(run(&["member", "list"]).await.contains("started"));
    run(&["endpoint", "health"]).await;
    assert!(run(&["endpoint", "status", "-w", "json"]).await.contains("\"version\":\"3."));
    assert!(run(&["endpoint", "hashkv"]).await.contains(&own.addr.to_string()));
    assert_eq!(run(&["alarm", "list"]).await, "");
    watch(program, &own).await;
    txn(program, &own).await;
    elect(program, &own).await;
    assert!(run(&["compaction", "3"]).await.contains("compacted revision 3"));
    assert!(run(&["defrag"]).await.contains("Finished defragmenting"));
    assert_eq!(run(&["lock", "job", "echo", "held"]).await, "held\n");
    own.stop().await;
}

async fn watch(program: &Path, own: &Own) {
    let mut watch = Command::new(program)
        .env("ETCDCTL_API", "3")
        .args([
            "--endpoints",
            &own.addr.to_string(),
            "watch",
            "w",
            "--prefix",
            "--prev-kv",
            "--rev",
            "1",
        ])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    own.put("w1", "one").await;
    own.put("w1", "two").await;
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    for _ in 0..8 {
        told.push(crate::own::soon(lines.next_line()).await.unwrap().unwrap());
    }
    assert_eq!(told, ["PUT", "w1", "one", "PUT", "w1", "one", "w1", "two"]);
}

async fn txn(program: &Path, own: &Own) {
    own.put("t", "x").await;
    let mut txn = Command::new(program)
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &own.addr.to_string(), "txn"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = txn.stdin.take().unwrap();
    let text = b"value(\"t\") = \"x\"\n\nput t \"y\"\nget t\n\nput t \"z\"\n\n";
    tokio::io::AsyncWriteExt::write_all(&mut input, text).await.unwrap();
    drop(input);
    let output = txn.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "SUCCESS\n\nOK\n\nt\ny\n");
}

async fn elect(program: &Path, own: &Own) {
    let mut leader = Command::new(program)
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &own.addr.to_string(), "elect", "jobs", "me"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(leader.stdout.take().unwrap()).lines();
    let key = crate::own::soon(lines.next_line()).await.unwrap().unwrap();
    assert!(key.starts_with("jobs/"), "{key}");
    assert_eq!(crate::own::soon(lines.next_line()).await.unwrap().unwrap(), "me");
    leader.kill().await.unwrap();
}

/// Whether a program was named or found; says what is left out if not.
fn found(variable: &str, name: &str) -> Option<PathBuf> {
    let found = program(variable, name);
    if found.is_none() {
        println!("SKIP: no {name}: install it, or name it in {variable}");
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn etcdctl_of_this_machine() {
    if let Some(program) = found("ETCDCTL", "etcdctl") {
        jobs(&program).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn etcdctl_of_another_release() {
    if let Some(program) = found("ETCDCTL_OTHER", "etcdctl-3.5") {
        jobs(&program).await;
    }
}

/// Runs a script with a Python that has its package.
async fn python(package: &str, script: &str) {
    let Some(python) = found("PYTHON", "python3") else { return };
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        // Their messages were generated for older releases of protobuf.
        command.env("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python").args(arguments);
        command
    };
    let imported = run(&["-c", &format!("import {package}")]).output().await.unwrap();
    if !imported.status.success() {
        println!(
            "SKIP: {} has no package {package}: name one that has in PYTHON",
            python.display()
        );
        return;
    }
    let own = Own::start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let port = own.addr.port().to_string();
    let output = run(&[script.to_str().unwrap(), &port]).output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("has done its jobs"));
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_package_etcd3() {
    python("etcd3", "etcd3_jobs.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_package_etcd_sdk() {
    python("pyetcd", "etcd_sdk_jobs.py").await;
}
