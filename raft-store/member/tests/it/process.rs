//! A member as a process that can be killed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
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

/// One running member process.
pub(crate) struct Process {
    child: AsyncMutex<Child>,
    input: AsyncMutex<ChildStdin>,
    waiting: Waiting,
    next: AtomicU64,
    _reader: quorate_seams::Task<()>,
}

impl Process {
    pub(crate) fn start(root: &Path, id: u64, addresses: &[SocketAddr]) -> Self {
        let peers: Vec<String> =
            (1..).zip(addresses).map(|(id, addr)| format!("{id}={addr}")).collect();
        let dir = root.join(format!("member-{id}"));
        let listen = addresses[usize::try_from(id).unwrap() - 1].to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_member-harness"))
            .args(["7", &id.to_string(), dir.to_str().unwrap(), &listen, &peers.join(",")])
            .args(["30", "150", "300", "500", "400"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let answers = Arc::clone(&waiting);
        let reader = quorate_seams::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                deliver(&answers, &line);
            }
            // Whoever still waits learns that the member died.
            answers.lock().unwrap().take();
        });
        Self {
            child: AsyncMutex::new(child),
            input: AsyncMutex::new(input),
            waiting,
            next: AtomicU64::new(0),
            _reader: reader,
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
            other => panic!("{command}: {other:?}"),
        }
    }

    /// SIGKILL; returns when the process is gone.
    pub(crate) async fn kill(&self) {
        let mut child = self.child.lock().await;
        child.start_kill().unwrap();
        child.wait().await.unwrap();
    }
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
