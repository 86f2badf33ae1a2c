//! The process that holds a member and a node with 20 pods is killed; started again, it finds all of
//! them: the running ones still run, none was restarted, and those that ended meanwhile have the
//! right exit codes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

struct Host {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Container {
    phase: String,
    restarts: u32,
    what: String,
}

impl Host {
    fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_host"))
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("host starts");
        let input = process.stdin.take().expect("stdin is piped");
        let output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut host = Self { process, input, output };
        assert_eq!(host.line(), "ready");
        host
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("host answers");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}").expect("host listens");
        self.line()
    }

    fn pods(&mut self) -> BTreeMap<String, Container> {
        let mut pods = BTreeMap::new();
        let mut line = self.ask("pods");
        while line != "end" {
            let fields: Vec<&str> = line.split(' ').collect();
            let [name, phase, restarts, what] = fields[..] else { panic!("host said {line:?}") };
            let restarts = restarts.parse().expect("a number of restarts");
            let container = Container { phase: phase.to_owned(), restarts, what: what.to_owned() };
            pods.insert(name.to_owned(), container);
            line = self.line();
        }
        pods
    }

    fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&BTreeMap<String, Container>) -> bool,
    ) -> BTreeMap<String, Container> {
        let start = now();
        loop {
            let pods = self.pods();
            if wanted(&pods) {
                return pods;
            }
            assert!(start.elapsed() < LIMIT, "waited for {what}: {pods:#?}");
            pause();
        }
    }

    fn kill(mut self) {
        self.process.kill().expect("SIGKILL is sent");
        self.process.wait().expect("the host is gone");
    }
}

#[allow(clippy::disallowed_methods, reason = "the test observes real processes from outside")]
fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "a pause between two looks at a condition")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Ten pods that run until they are stopped, and ten that end with codes 0 to 9 once told to.
fn manifest(go: &Path) -> String {
    let mut text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: crash}\n".to_owned();
    let wait = format!("while [ ! -e {} ]; do sleep 0.02; done", go.display());
    for number in 0..20 {
        let script = if number < 10 {
            "exec sleep 3600".to_owned()
        } else {
            format!("{wait}; exit {}", number - 10)
        };
        write!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{number:02}, namespace: crash}}\n\
             spec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  runtimeClassName: process\n  \
             containers:\n  - name: main\n    image: file:///bin/sh\n    args: [\"-c\", \"{script}\"]\n"
        )
        .expect("a string takes text");
    }
    text
}

fn is_alive(pid: &str) -> bool {
    // A zombie has ended as well; only its parent has not asked yet.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

fn pid(container: &Container) -> &str {
    container.what.strip_prefix("pid=").unwrap_or_else(|| panic!("{container:?} has no pid"))
}

#[test]
fn a_killed_host_finds_all_twenty_pods_again_and_restarts_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, go, file) =
        (dir.path().join("data"), dir.path().join("go"), dir.path().join("pods.yaml"));
    fs::write(&file, manifest(&go)).expect("a manifest");

    let mut host = Host::start(&data);
    assert_eq!(host.ask(&format!("apply {}", file.display())), "applied 21");
    let running = |pods: &BTreeMap<String, Container>| {
        pods.len() == 20
            && pods.values().all(|pod| pod.phase == "Running" && pod.what.starts_with("pid="))
    };
    let before = host.until("20 running pods", running);
    host.kill();

    fs::write(&go, "").expect("the word to end");
    let start = now();
    let ending: Vec<&str> = before
        .iter()
        .filter(|(name, _)| name.as_str() >= "pod-10")
        .map(|(_, pod)| pid(pod))
        .collect();
    while ending.iter().any(|pid| is_alive(pid)) {
        assert!(start.elapsed() < LIMIT, "tasks go on although they were told to end");
        pause();
    }

    let mut host = Host::start(&data);
    let settled = |pods: &BTreeMap<String, Container>| {
        pods.iter()
            .filter(|(name, _)| name.as_str() >= "pod-10")
            .all(|(_, pod)| pod.what.starts_with("exit="))
    };
    let after = host.until("ten exit codes", settled);
    assert_eq!(after.len(), 20);
    for (number, (name, pod)) in after.iter().enumerate() {
        assert_eq!(pod.restarts, 0, "{name} was restarted");
        if number < 10 {
            assert_eq!(pod, &before[name], "{name} runs on as the same process");
            assert!(is_alive(pid(pod)), "{name} runs");
        } else {
            assert_eq!(pod.what, format!("exit={}", number - 10), "exit code of {name}");
            assert_eq!(pod.phase, if number == 10 { "Succeeded" } else { "Failed" }, "{name}");
        }
    }

    assert_eq!(host.ask("delete crash"), "deleted");
    for (name, pod) in before.iter().filter(|(name, _)| name.as_str() < "pod-10") {
        assert!(!is_alive(pid(pod)), "{name} is gone with its namespace");
    }
    writeln!(host.input, "quit").expect("host listens");
    assert!(host.process.wait().expect("host ends").success());
}
