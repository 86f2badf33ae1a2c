//! A member as a process that can be killed, or whose disk can be made to fail.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

/// How a command to a member ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done(String),
    /// It may have happened: the member says so, or died first.
    Unknown,
    /// It has not happened.
    Refused(String),
}

type Waiting = Arc<Mutex<Option<HashMap<String, oneshot::Sender<Answer>>>>>;

/// What may differ from one start of a member to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// Entries after which the state is made durable.
    pub(crate) after: u64,
    /// Entries that stay in the log.
    pub(crate) keep: u64,
    /// Bytes of a log segment.
    pub(crate) segment: u64,
    /// Environment of the process: what makes its disk fail.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { after: 500, keep: 400, segment: 64 << 20, environment: Vec::new() }
    }
}

/// One running member process.
pub(crate) struct Process {
    child: AsyncMutex<Child>,
    input: AsyncMutex<ChildStdin>,
    waiting: Waiting,
    next: AtomicU64,
    complaints: Arc<Mutex<String>>,
    _readers: [quorate_seams::Task<()>; 2],
}

impl Process {
    pub(crate) fn start(root: &Path, id: u64, addresses: &[SocketAddr], tuning: &Tuning) -> Self {
        let mut child = command(root, id, addresses, tuning).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut errors = child.stderr.take().unwrap();
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let answers = Arc::clone(&waiting);
        let reader = quorate_seams::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                deliver(&answers, &line);
            }
            // Whoever still waits learns that the member died.
            answers.lock().unwrap().take();
        });
        let complaints: Arc<Mutex<String>> = Arc::default();
        let heard = Arc::clone(&complaints);
        let listener = quorate_seams::spawn(async move {
            let mut bytes = vec![0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut bytes).await {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self {
            child: AsyncMutex::new(child),
            input: AsyncMutex::new(input),
            waiting,
            next: AtomicU64::new(0),
            complaints,
            _readers: [reader, listener],
        }
    }

    /// Sends a command and waits for its answer, or for the member's death.
    pub(crate) async fn ask(&self, command: &str) -> Answer {
        let tag = format!("t{}", self.next.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        match &mut *self.waiting.lock().unwrap() {
            Some(waiting) => drop(waiting.insert(tag.clone(), answer)),
            None => return Answer::Refused("the member is dead".to_owned()),
        }
        let line = format!("{tag} {command}\n");
        let sent = self.input.lock().await.write_all(line.as_bytes()).await;
        if sent.is_err() {
            return Answer::Unknown;
        }
        answered.await.unwrap_or(Answer::Unknown)
    }

    /// The answer of a command that must succeed.
    pub(crate) async fn must(&self, command: &str) -> String {
        match self.ask(command).await {
            Answer::Done(answer) => answer,
            other => panic!("{command}: {other:?}; it said {:?}", self.complaints()),
        }
    }

    /// SIGKILL; returns when the process is gone.
    pub(crate) async fn kill(&self) {
        let mut child = self.child.lock().await;
        // It may have ended by itself.
        let _ = child.start_kill();
        child.wait().await.unwrap();
    }

    /// How the process has ended, if it has.
    pub(crate) async fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().await.try_wait().unwrap()
    }

    /// What it has written to standard error.
    pub(crate) fn complaints(&self) -> String {
        self.complaints.lock().unwrap().clone()
    }
}

fn command(root: &Path, id: u64, addresses: &[SocketAddr], tuning: &Tuning) -> Command {
    let peers: Vec<String> =
        (1..).zip(addresses).map(|(id, addr)| format!("{id}={addr}")).collect();
    let dir = root.join(format!("member-{id}"));
    let listen = addresses[usize::try_from(id).unwrap() - 1].to_string();
    let Tuning { after, keep, segment, environment } = tuning;
    let mut command = Command::new(env!("CARGO_BIN_EXE_member-harness"));
    command
        .args(["7", &id.to_string(), dir.to_str().unwrap(), &listen, &peers.join(",")])
        .args(["30", "150", "300"])
        .args([after, keep, segment].map(ToString::to_string))
        .envs(environment.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn deliver(waiting: &Waiting, line: &str) {
    let mut words = line.splitn(3, ' ');
    let tag = words.next().unwrap_or_default();
    let word = words.next().unwrap_or_default();
    let rest = words.next().unwrap_or_default().to_owned();
    let answer = match word {
        "ok" => Answer::Done(rest),
        "unknown" => Answer::Unknown,
        _ => Answer::Refused(rest),
    };
    if let Some(waiting) = &mut *waiting.lock().unwrap()
        && let Some(asked) = waiting.remove(tag)
    {
        drop(asked.send(answer));
    }
}
