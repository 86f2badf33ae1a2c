//! The engine behind a Unix socket, by bollard: the only file that calls it.

use super::convert::{body, container, fault, happening, message, usage};
use super::{Blueprint, Container, Enforced, Engine, Fault, Happening, Message, Session};
use crate::image::name_and_tag;
use async_trait::async_trait;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptions, EventsOptions, ImportImageOptions,
    InspectContainerOptions, KillContainerOptions, ListContainersOptions, LogsOptions,
    RemoveContainerOptions, RemoveImageOptions, StartContainerOptions, StatsOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker, body_full};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::sink::SinkExt;
use futures::stream::{BoxStream, StreamExt, TryStreamExt, once};
use quorate_executor::{Error, ExecInput, Usage};
use quorate_seams::spawn_detached;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// How long bollard waits for an answer to begin, in seconds. The executor has bounds of its own for
/// everything but streams.
const PATIENCE_SECS: u64 = 3600;

/// What happens to a container that changes what is observed of it.
const ACTIONS: [&str; 5] = ["create", "start", "die", "oom", "destroy"];

/// Pieces of input that a command may be behind.
const INPUT_AHEAD: usize = 8;

/// The engine behind a socket. Connects for every request, so that an engine that comes back is found
/// again.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    fn docker(&self) -> Result<Docker, Fault> {
        let path = path_text(&self.socket)?;
        Docker::connect_with_unix(path, PATIENCE_SECS, API_DEFAULT_VERSION).map_err(fault)
    }
}

fn path_text(path: &Path) -> Result<&str, Fault> {
    path.to_str().ok_or_else(|| Fault::Lost(format!("{} is not UTF-8", path.display())))
}

fn label_filters(labels: &[(String, String)]) -> HashMap<String, Vec<String>> {
    let labels = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    HashMap::from([("label".to_owned(), labels)])
}

/// A stream that begins with connecting.
fn connected<T: Send + 'static>(
    docker: Result<Docker, Fault>,
    open: impl FnOnce(Docker) -> BoxStream<'static, Result<T, Fault>>,
) -> BoxStream<'static, Result<T, Fault>> {
    match docker {
        Ok(docker) => open(docker),
        Err(fault) => once(async { Err(fault) }).boxed(),
    }
}

/// Waits for the end of a long operation that reports its progress.
async fn finish<T>(
    progress: impl futures::Stream<Item = Result<T, bollard::errors::Error>>,
) -> Result<(), Fault> {
    progress.map_err(fault).try_for_each(async |_| Ok(())).await
}

#[async_trait]
impl Engine for Client {
    async fn probe(&self) -> Result<Enforced, Fault> {
        let info = self.docker()?.info().await.map_err(fault)?;
        let yes = |flag: Option<bool>| flag.unwrap_or_default();
        let cpu = yes(info.cpu_cfs_quota) && yes(info.cpu_cfs_period);
        Ok(Enforced { cpu, memory: yes(info.memory_limit), pids: yes(info.pids_limit) })
    }

    async fn has_image(&self, image: &str) -> Result<bool, Fault> {
        match self.docker()?.inspect_image(image).await.map_err(fault) {
            Ok(_) => Ok(true),
            Err(Fault::Missing(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn pull(&self, image: &str) -> Result<(), Fault> {
        // Without a tag an engine would pull all that there are.
        let (name, tag) = name_and_tag(image);
        let (from_image, tag) = (Some(name.to_owned()), tag.map(str::to_owned));
        let options = CreateImageOptions { from_image, tag, ..Default::default() };
        finish(self.docker()?.create_image(Some(options), None, None)).await
    }

    async fn load(&self, archive: Bytes) -> Result<(), Fault> {
        let options = ImportImageOptions { quiet: true, ..Default::default() };
        finish(self.docker()?.import_image(options, body_full(archive), None)).await
    }

    async fn import(&self, rootfs: Bytes, image: &str, entrypoint: &[String]) -> Result<(), Fault> {
        let (repo, tag) = name_and_tag(image);
        let entrypoint = serde_json::to_string(entrypoint)
            .map_err(|error| Fault::Refused(format!("entry point: {error}")))?;
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repo.to_owned()),
            tag: tag.map(str::to_owned),
            changes: vec![format!("ENTRYPOINT {entrypoint}")],
            ..Default::default()
        };
        finish(self.docker()?.create_image(Some(options), Some(body_full(rootfs)), None)).await
    }

    async fn remove_image(&self, image: &str) -> Result<(), Fault> {
        let removed = self.docker()?.remove_image(image, None::<RemoveImageOptions>, None).await;
        removed.map(drop).map_err(fault)
    }

    async fn create(&self, name: &str, blueprint: &Blueprint) -> Result<(), Fault> {
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..Default::default() };
        let created = self.docker()?.create_container(Some(options), body(blueprint)).await;
        created.map(drop).map_err(fault)
    }

    async fn start(&self, name: &str) -> Result<(), Fault> {
        self.docker()?.start_container(name, None::<StartContainerOptions>).await.map_err(fault)
    }

    async fn inspect(&self, name: &str) -> Result<Option<Container>, Fault> {
        let found = self.docker()?.inspect_container(name, None::<InspectContainerOptions>).await;
        match found.map_err(fault) {
            Ok(found) => container(found).map(Some),
            Err(Fault::Missing(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    async fn kill(&self, name: &str, signal: i32) -> Result<(), Fault> {
        let options = KillContainerOptions { signal: signal.to_string() };
        self.docker()?.kill_container(name, Some(options)).await.map_err(fault)
    }

    async fn remove(&self, name: &str) -> Result<(), Fault> {
        let options = RemoveContainerOptions { v: true, force: false, link: false };
        self.docker()?.remove_container(name, Some(options)).await.map_err(fault)
    }

    async fn list(&self, labels: &[(String, String)]) -> Result<Vec<String>, Fault> {
        let filters = Some(label_filters(labels));
        let options = ListContainersOptions { all: true, filters, ..Default::default() };
        let found = self.docker()?.list_containers(Some(options)).await.map_err(fault)?;
        let first = |names: Vec<String>| names.into_iter().next();
        let names = found.into_iter().filter_map(|found| found.names.and_then(first));
        Ok(names.map(|name| name.trim_start_matches('/').to_owned()).collect())
    }

    fn logs(
        &self,
        name: &str,
        since_secs: i64,
        follow: bool,
    ) -> BoxStream<'static, Result<Message, Fault>> {
        let options = LogsOptions {
            follow,
            stdout: true,
            stderr: true,
            timestamps: true,
            since: i32::try_from(since_secs).unwrap_or(0),
            ..Default::default()
        };
        connected(self.docker(), |docker| {
            let output = docker.logs(name, Some(options));
            output.map(|piece| piece.map_err(fault).and_then(message)).boxed()
        })
    }

    fn events(
        &self,
        labels: &[(String, String)],
        since_secs: i64,
    ) -> BoxStream<'static, Result<Happening, Fault>> {
        let mut filters = label_filters(labels);
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        filters.insert("event".to_owned(), ACTIONS.map(str::to_owned).to_vec());
        let (since, filters) = (Some(since_secs.to_string()), Some(filters));
        connected(self.docker(), |docker| {
            let events = docker.events(Some(EventsOptions { since, until: None, filters }));
            events.map(|event| event.map(happening).map_err(fault)).boxed()
        })
    }

    async fn exec(
        &self,
        name: &str,
        command: &[String],
        tty: bool,
        stdin: bool,
    ) -> Result<Session, Fault> {
        let docker = self.docker()?;
        let options = CreateExecOptions {
            cmd: Some(command.to_vec()),
            attach_stdin: Some(stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(tty),
            ..Default::default()
        };
        let id = docker.create_exec(name, options).await.map_err(fault)?.id;
        let options = StartExecOptions { detach: false, tty, output_capacity: None };
        match docker.start_exec(&id, Some(options)).await.map_err(fault)? {
            StartExecResults::Attached { output, input } => {
                Ok(Session { id, input: sink(input), output: pieces(output) })
            }
            StartExecResults::Detached => Err(Fault::Lost("the command is detached".to_owned())),
        }
    }

    async fn exec_code(&self, id: &str) -> Result<Option<i32>, Fault> {
        let found = self.docker()?.inspect_exec(id).await.map_err(fault)?;
        let running = found.running.unwrap_or_default();
        let code = found.exit_code.and_then(|code| i32::try_from(code).ok());
        Ok(code.filter(|_| !running))
    }

    async fn usage(&self, name: &str) -> Result<Usage, Fault> {
        let options = StatsOptions { stream: false, one_shot: true };
        let mut stats = self.docker()?.stats(name, Some(options)).boxed();
        match stats.next().await {
            Some(stats) => stats.map(usage).map_err(fault),
            None => Err(Fault::Lost("no statistics came".to_owned())),
        }
    }
}

type Output = Pin<
    Box<
        dyn futures::Stream<Item = Result<bollard::container::LogOutput, bollard::errors::Error>>
            + Send,
    >,
>;

fn pieces(output: Output) -> BoxStream<'static, Result<(bool, Bytes), Fault>> {
    let piece = |output: bollard::container::LogOutput| {
        let stderr = matches!(output, bollard::container::LogOutput::StdErr { .. });
        (stderr, output.into_bytes())
    };
    output.map(move |output| output.map(piece).map_err(fault)).boxed()
}

/// A sink of bytes over a writer; closing it, or dropping it, ends the input.
fn sink(mut writer: Pin<Box<dyn AsyncWrite + Send>>) -> ExecInput {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(INPUT_AHEAD);
    drop(spawn_detached(async move {
        while let Some(bytes) = receiver.next().await {
            if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
        // A command that has ended reads no more.
        let _ = writer.shutdown().await;
    }));
    let ended = |_| Error::io("sending input", std::io::Error::other("the command takes no more"));
    Box::pin(sender.sink_map_err(ended))
}
