//! Servers in processes of their own: ours and etcd's, started alike.

mod http;
mod programs;

pub(crate) use programs::{Program, programs};

use super::Failure;
use quorate_seams::{SharedClock, unused_loopback};
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A cluster of one or three members, each a process; all are killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Servers {
    members: Vec<Member>,
    clock: SharedClock,
    _dir: TempDir,
}

#[derive(Debug)]
struct Member {
    command: Command,
    running: Option<Child>,
    client: SocketAddr,
}

impl Member {
    fn start(&mut self) -> Result<(), Failure> {
        self.running = Some(self.command.spawn()?);
        Ok(())
    }

    /// SIGKILL; returns once the process is gone.
    fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            // A process that has ended by itself needs no killing.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Servers {
    /// Starts a cluster in a fresh directory and waits until it has a leader.
    pub(crate) async fn start(
        program: &Program,
        members: usize,
        root: &Path,
        clock: &SharedClock,
    ) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("quorate-bench-").tempdir_in(root)?;
        let ports = unused_loopback(2 * members)?;
        let (clients, peers) = ports.split_at(members);
        let cluster: Vec<String> =
            (1..).zip(peers).map(|(number, peer)| format!("m{number}=http://{peer}")).collect();
        let mut started = Vec::new();
        for (number, (client, peer)) in (1..).zip(clients.iter().zip(peers)) {
            let name = format!("m{number}");
            let log = File::create(dir.path().join(format!("{name}.log")))?;
            let mut command = Command::new(&program.path);
            command.args(["--name", &name]);
            command.args(["--data-dir"]).arg(dir.path().join(&name));
            command.args(["--listen-client-urls", &format!("http://{client}")]);
            command.args(["--listen-peer-urls", &format!("http://{peer}")]);
            command.args(["--initial-cluster", &cluster.join(",")]);
            command.args(["--advertise-client-urls", &format!("http://{client}")]);
            command.args(["--initial-advertise-peer-urls", &format!("http://{peer}")]);
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            let mut member = Member { command, running: None, client: *client };
            member.start()?;
            started.push(member);
        }
        let servers = Self { members: started, clock: SharedClock::clone(clock), _dir: dir };
        servers.leader().await?;
        Ok(servers)
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.members.iter().filter_map(|member| Some(member.running.as_ref()?.id())).collect()
    }

    /// Where the first member serves clients.
    pub(crate) fn first(&self) -> SocketAddr {
        self.members[0].client
    }

    /// Where the leader serves clients, once there is one.
    pub(crate) async fn leader(&self) -> Result<SocketAddr, Failure> {
        let give_up = self.clock.now() + READY_WITHIN;
        while self.clock.now() < give_up {
            for member in &self.members {
                let leads = metric(member.client, "etcd_server_is_leader").await;
                if leads.is_ok_and(|leads| leads > 0.0) {
                    return Ok(member.client);
                }
            }
            self.clock.sleep(10 * LOOK_AGAIN).await;
        }
        Err("no member leads".into())
    }

    /// SIGKILL to every member.
    pub(crate) fn kill(&mut self) {
        self.members.iter_mut().for_each(Member::kill);
    }

    /// Starts every member again.
    pub(crate) fn start_again(&mut self) -> Result<(), Failure> {
        self.members.iter_mut().try_for_each(Member::start)
    }
}

/// A figure that a server tells about itself.
pub(crate) async fn metric(server: SocketAddr, name: &str) -> Result<f64, Failure> {
    let text = http::get(server, "/metrics").await?;
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(value).ok_or_else(|| format!("{server} tells no {name}").into())
}

/// How often a server has synced its log.
pub(crate) async fn syncs(server: SocketAddr) -> Result<f64, Failure> {
    metric(server, "etcd_disk_wal_fsync_duration_seconds_count").await
}
