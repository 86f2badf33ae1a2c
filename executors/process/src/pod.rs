//! The agent's side of one pod: asks its shim, or acts in its place when there is none.
//!
//! One connection per question: a question that got no answer leaves nothing behind to repair, and
//! every question may be asked again.

use crate::convert::{unexpected, unreachable};
use crate::ensure::{Ensured, ensure, in_dir};
use crate::executor::Shared;
use crate::offline::Offline;
use crate::records::Records;
use crate::wire::{Op, Reply, Request, State, VERSION, announced, decode, encode};
use quorate_executor::{Error, Found, Observed, Started, Stop, TaskId};
use quorate_seams::{spawn_blocking, timeout};
use quorate_types::Uid;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// How often to look whether a dying shim's tasks are gone, and how long.
const DYING_STEP: Duration = Duration::from_millis(5);
const DYING_STEPS: usize = 1000;

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Nobody listens.
    NoShim,
    /// Somebody did, and then something went wrong.
    Broken(String),
}

/// One pod.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    shared: Arc<Shared>,
    records: Records,
    uid: Uid,
}

impl Pod {
    pub(crate) fn new(shared: Arc<Shared>, uid: Uid) -> Self {
        let records = Records::new(shared.options.dir.join(uid.as_str()), uid.clone());
        Self { shared, records, uid }
    }

    /// Creates a task; a shim is started for it if there is none.
    pub(crate) async fn create(&self, launch: crate::launch::Launch) -> Result<(), Error> {
        let task = launch.id.clone();
        match self.ask_started(Op::Create(launch)).await? {
            Reply::Done => Ok(()),
            reply => Err(unexpected(reply, &task)),
        }
    }

    pub(crate) async fn start(&self, task: &TaskId) -> Result<Started, Error> {
        if !self.records.dir().exists() {
            return Err(Error::Absent(task.clone()));
        }
        match self.ask_started(Op::Start(task.clone())).await? {
            Reply::Started(started) => Ok(started),
            reply => Err(unexpected(reply, task)),
        }
    }

    pub(crate) async fn observe(&self, task: &TaskId) -> Observed {
        match self.ask(Op::Observe(task.clone())).await {
            Ok(Reply::State(state)) => state.into(),
            Ok(other) => Observed::Unreachable(unexpected(other, task).to_string()),
            Err(Unanswered::Broken(reason)) => Observed::Unreachable(reason),
            Err(Unanswered::NoShim) => {
                let task = task.clone();
                let observed = self.offline(move |offline, _| Ok(offline.observe(&task))).await;
                observed.unwrap_or_else(|error| Observed::Unreachable(error.to_string()))
            }
        }
    }

    pub(crate) async fn stop(&self, task: &TaskId, how: Stop) -> Result<(), Error> {
        match self.ask(Op::Stop { task: task.clone(), how }).await {
            Ok(Reply::Done) => Ok(()),
            Ok(other) => Err(unexpected(other, task)),
            Err(Unanswered::Broken(reason)) => Err(unreachable(reason)),
            // Without a shim everything is dead or being killed: taking the pod over sees to it.
            Err(Unanswered::NoShim) => self.offline(|_, _| Ok(())).await,
        }
    }

    pub(crate) async fn remove(&self, task: &TaskId) -> Result<(), Error> {
        match self.ask(Op::Remove(task.clone())).await {
            Ok(Reply::Done) => Ok(()),
            Ok(other) => Err(unexpected(other, task)),
            Err(Unanswered::Broken(reason)) => Err(unreachable(reason)),
            Err(Unanswered::NoShim) => {
                let task = task.clone();
                self.offline(move |offline, _| offline.remove(&task)).await
            }
        }
    }

    pub(crate) async fn list(&self) -> Result<Vec<Found>, Error> {
        match self.ask(Op::List).await {
            Ok(Reply::States(states)) => Ok(states.into_iter().map(found).collect()),
            Ok(other) => self.all_unreachable(&format!("{other:?}")),
            Err(Unanswered::Broken(reason)) => self.all_unreachable(&reason),
            Err(Unanswered::NoShim) => {
                self.offline(|offline, records| offline.found(records)).await
            }
        }
    }

    /// Ends the shim and removes the runtime directory.
    pub(crate) async fn shutdown(&self) -> Result<(), Error> {
        let about = TaskId { pod: self.uid.clone(), name: String::new(), attempt: 0 };
        match self.ask(Op::Shutdown).await {
            Ok(Reply::Done) => Ok(()),
            Ok(other) => Err(unexpected(other, &about)),
            Err(Unanswered::Broken(reason)) => Err(unreachable(reason)),
            Err(Unanswered::NoShim) => self.offline(|offline, _| offline.remove_pod()).await,
        }
    }

    /// A connection on which the shim reports changes.
    pub(crate) async fn subscribe(&self) -> Result<UnixStream, Unanswered> {
        let mut stream = self.connect().await?;
        let frame = encode(&Request { v: VERSION, op: Op::Subscribe }).map_err(broken)?;
        stream.write_all(&frame).await.map_err(broken)?;
        Ok(stream)
    }

    /// The records, for whoever wants to name the pod's tasks without asking.
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// Whether the shim is gone and something that it held is not.
    pub(crate) async fn is_dying(&self) -> bool {
        let look = |offline: Offline, _: &Records| Ok(matches!(offline, Offline::Dying));
        // An error says nothing of that kind.
        self.offline(look).await.unwrap_or(false)
    }

    /// Asks, starting a shim when there is none.
    async fn ask_started(&self, op: Op) -> Result<Reply, Error> {
        for _ in 0..DYING_STEPS {
            match self.ask(op.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(Unanswered::Broken(reason)) => return Err(unreachable(reason)),
                Err(Unanswered::NoShim) => {}
            }
            match self.ensure().await? {
                Ensured::Ready => {}
                Ensured::Dying => self.shared.seams.clock.sleep(DYING_STEP).await,
            }
        }
        Err(unreachable(format!("the tasks of pod {}'s dead shim do not end", self.uid)))
    }

    async fn ensure(&self) -> Result<Ensured, Error> {
        let (shared, records) = (self.shared.clone(), self.records.clone());
        let uid = self.uid.clone();
        blocking(move || {
            // One start per pod at a time within this process: whoever comes second finds the shim.
            let _turn = shared.turn(&uid).lock().unwrap_or_else(PoisonError::into_inner);
            ensure(&records, &shared.options.shim.program(), &*shared.seams.clock)
        })
        .await
    }

    /// Acts in place of the shim. Within this process one at a time: otherwise two who look at the
    /// same pod would take each other for what a dead shim left.
    async fn offline<T: Send + 'static>(
        &self,
        act: impl FnOnce(Offline, &Records) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (shared, records) = (self.shared.clone(), self.records.clone());
        let uid = self.uid.clone();
        blocking(move || {
            let _turn = shared.turn(&uid).lock().unwrap_or_else(PoisonError::into_inner);
            let offline = Offline::take(records.clone(), &*shared.seams.clock)?;
            act(offline, &records)
        })
        .await
    }

    async fn ask(&self, op: Op) -> Result<Reply, Unanswered> {
        let limit = self.shared.options.call_timeout;
        timeout(&*self.shared.seams.clock, limit, self.converse(op)).await.unwrap_or_else(|| {
            Err(Unanswered::Broken(format!("pod {}'s shim did not answer in {limit:?}", self.uid)))
        })
    }

    async fn converse(&self, op: Op) -> Result<Reply, Unanswered> {
        let shutdown = matches!(op, Op::Shutdown);
        let mut stream = self.connect().await?;
        let frame = encode(&Request { v: VERSION, op }).map_err(broken)?;
        stream.write_all(&frame).await.map_err(broken)?;
        let reply = read_reply(&mut stream).await.map_err(broken)?;
        if shutdown && reply == Reply::Done {
            // The connection closes when the shim is gone.
            stream.read_to_end(&mut Vec::new()).await.map_err(broken)?;
        }
        Ok(reply)
    }

    async fn connect(&self) -> Result<UnixStream, Unanswered> {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        let absent = |error: io::Error| match error.kind() {
            NotFound | ConnectionRefused => Unanswered::NoShim,
            _ => broken(error),
        };
        let (_held, path) = in_dir(self.records.dir()).map_err(absent)?;
        let stream = UnixStream::connect(path).await.map_err(absent)?;
        let peer = stream.peer_cred().map_err(broken)?.uid();
        if peer == rustix::process::geteuid().as_raw() {
            return Ok(stream);
        }
        Err(Unanswered::Broken(format!("pod {}'s socket belongs to user {peer}", self.uid)))
    }

    fn all_unreachable(&self, reason: &str) -> Result<Vec<Found>, Error> {
        let dir = self.records.dir().display();
        let tasks = self.records.list().map_err(|e| Error::io(format!("listing {dir}"), e))?;
        let observed = || Observed::Unreachable(reason.to_owned());
        Ok(tasks.into_iter().map(|task| Found { task, observed: observed() }).collect())
    }
}

/// The next frame of a connection.
pub(crate) async fn read_reply(stream: &mut UnixStream) -> io::Result<Reply> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let mut body = vec![0; announced(head)?];
    stream.read_exact(&mut body).await?;
    decode(&body)
}

fn found((task, state): (TaskId, State)) -> Found {
    Found { task, observed: state.into() }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let stopped = || Err(unreachable("the agent's runtime is shutting down".to_owned()));
    spawn_blocking(work).await.unwrap_or_else(stopped)
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn broken(error: io::Error) -> Unanswered {
    Unanswered::Broken(format!("the shim's connection failed: {error}"))
}
