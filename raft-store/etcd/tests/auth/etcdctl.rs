//! Stock etcdctl does what administrators do with it. Takes the program named by `ETCDCTL_BIN`, or
//! `etcdctl` in the path; without one the test says SKIP.

use crate::cluster::Cluster;
use quorate_seams::spawn_blocking;
use std::net::SocketAddr;
use std::process::Command;

#[derive(Clone)]
struct Etcdctl {
    program: String,
    endpoint: SocketAddr,
}

impl Etcdctl {
    fn find(endpoint: SocketAddr) -> Option<Self> {
        let program = std::env::var("ETCDCTL_BIN").unwrap_or_else(|_| "etcdctl".to_owned());
        let runs = Command::new(&program).arg("version").env("ETCDCTL_API", "3").output().is_ok();
        runs.then_some(Self { program, endpoint })
    }

    /// What it prints, or what it complains of.
    fn run(&self, user: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.endpoint.to_string()]);
        if !user.is_empty() {
            command.args(["--user", user]);
        }
        let output = command.args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    fn ok(&self, user: &str, arguments: &[&str]) -> String {
        self.run(user, arguments).unwrap_or_else(|error| panic!("{user} {arguments:?}: {error}"))
    }

    fn fails(&self, user: &str, arguments: &[&str], words: &str) {
        let error = self.run(user, arguments).unwrap_err();
        assert!(error.contains(words), "{user} {arguments:?}: {error}");
    }
}

fn administrate(etcdctl: &Etcdctl) {
    etcdctl.fails("", &["auth", "enable"], "root user does not exist");
    etcdctl.ok("", &["user", "add", "root:rootpw"]);
    etcdctl.ok("", &["user", "add", "alice:alicepw"]);
    etcdctl.ok("", &["user", "add", "certified", "--no-password"]);
    etcdctl.ok("", &["role", "add", "reader"]);
    etcdctl.ok("", &["role", "add", "root"]);
    etcdctl.ok("", &["role", "grant-permission", "reader", "readwrite", "app/", "--prefix"]);
    etcdctl.ok("", &["role", "grant-permission", "reader", "read", "zz", "--from-key"]);
    etcdctl.ok("", &["user", "grant-role", "alice", "reader"]);
    etcdctl.ok("", &["user", "grant-role", "root", "root"]);
    etcdctl.ok("", &["put", "secret", "1"]);
    assert!(etcdctl.ok("", &["auth", "enable"]).contains("Authentication Enabled"));

    let (root, alice) = ("root:rootpw", "alice:alicepw");
    etcdctl.fails("", &["put", "app/1", "v"], "user name is empty");
    etcdctl.fails("alice:wrong", &["put", "app/1", "v"], "authentication failed");
    etcdctl.ok(alice, &["put", "app/1", "v"]);
    assert_eq!(etcdctl.ok(alice, &["get", "app/", "--prefix"]), "app/1\nv\n");
    etcdctl.ok(alice, &["get", "zz", "--from-key"]);
    etcdctl.fails(alice, &["get", "secret"], "permission denied");
    etcdctl.fails(alice, &["put", "zzz", "v"], "permission denied");
    etcdctl.fails(alice, &["get", "", "--prefix"], "permission denied");
    etcdctl.fails(alice, &["user", "list"], "permission denied");
    assert_eq!(etcdctl.ok(root, &["user", "list"]), "alice\ncertified\nroot\n");
    assert!(etcdctl.ok(alice, &["user", "get", "alice"]).contains("reader"));
    let role = etcdctl.ok(root, &["role", "get", "reader"]);
    assert!(
        role.contains("[app/, app0) (prefix app/)") && role.contains("[zz, <open ended>"),
        "{role}"
    );
    assert!(etcdctl.ok(root, &["get", "secret"]).contains('1'));

    let lease = etcdctl.ok(alice, &["lease", "grant", "600"]);
    let lease = lease.split(' ').nth(1).unwrap().to_owned();
    etcdctl.ok(alice, &["put", "app/leased", "v", "--lease", &lease]);
    assert!(etcdctl.ok(alice, &["lease", "timetolive", &lease, "--keys"]).contains("app/leased"));
    etcdctl.ok(root, &["put", "secret", "2", "--lease", &lease]);
    etcdctl.fails(alice, &["lease", "timetolive", &lease, "--keys"], "permission denied");
    etcdctl.fails(alice, &["lease", "revoke", &lease], "permission denied");
    etcdctl.ok(root, &["lease", "revoke", &lease]);

    etcdctl.ok(root, &["user", "revoke-role", "alice", "reader"]);
    etcdctl.fails(alice, &["get", "app/1"], "permission denied");
    etcdctl.fails(root, &["user", "delete", "root"], "invalid auth management");
    etcdctl.ok(root, &["user", "delete", "alice"]);
    etcdctl.fails(alice, &["get", "app/1"], "authentication failed");
    etcdctl.ok(root, &["role", "revoke-permission", "reader", "app/", "--prefix"]);
    etcdctl.ok(root, &["role", "delete", "reader"]);
    assert!(etcdctl.ok(root, &["auth", "disable"]).contains("Authentication Disabled"));
    etcdctl.ok("", &["get", "app/1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_etcdctl_administrates_users() {
    let cluster = Cluster::one().await;
    let Some(etcdctl) = Etcdctl::find(cluster.endpoints[0]) else {
        println!(
            "SKIP: there is no etcdctl; install Debian's etcd-client or name one in ETCDCTL_BIN"
        );
        return;
    };
    let done = spawn_blocking(move || administrate(&etcdctl)).await;
    assert!(done.is_some(), "see above");
    cluster.stop().await;
}
