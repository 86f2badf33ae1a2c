//! The kit that every executor is held to, on the Docker Engine of this machine; skipped, with the
//! reason, where there is none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bollard::{API_DEFAULT_VERSION, Docker};
use bytes::Bytes;
use futures::StreamExt;
use quorate_conformance::{Cut, Probe, Subject, cases, run};
use quorate_docker::{DockerExecutor, DockerOptions, PullPolicy};
use quorate_executor::{Error, Executor, Health, Observed, SharedExecutor, Stop};
use quorate_seams::{OsRandom, Random, Seams};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod tar;

/// The probe's path in its image.
const PROGRAM: &str = "/probe";

/// The engine's socket.
const SOCKET: &str = "/var/run/docker.sock";

/// The executor reaches the engine through a link, which can be taken away.
#[derive(Debug)]
struct Link(PathBuf);

impl Cut for Link {
    fn cut(&self) {
        // A link that is gone is what was asked for.
        let _ = std::fs::remove_file(&self.0);
    }

    fn restore(&self) {
        // One that is there again, too.
        let _ = symlink(SOCKET, &self.0);
    }
}

/// An engine with the probe's image on it, which goes with this value's `clean`.
struct Bench {
    executor: Arc<DockerExecutor>,
    options: DockerOptions,
    image: String,
}

impl Bench {
    /// `Err` says why this machine cannot run the tests.
    async fn open(dir: &Path) -> Result<Self, String> {
        let unique = format!("{:016x}", OsRandom.next_u128() >> 64);
        let mut options = DockerOptions::new(format!("test-{unique}"), dir.join("notes"));
        options.pull = PullPolicy::Never;
        options.socket = dir.join("engine.sock");
        Link(options.socket.clone()).restore();
        let connected = DockerExecutor::connect(options.clone(), Seams::system()).await;
        let executor = connected.map_err(|error| error.to_string())?;
        if let Health::Unhealthy(reason) = executor.health().await {
            return Err(reason);
        }
        let probe = Probe::build(dir).map_err(|error| error.to_string())?;
        let program = std::fs::read(probe.path()).map_err(|error| error.to_string())?;
        let image = format!("quorate-conformance-{unique}:1");
        let rootfs = Bytes::from(tar::of_program("probe", &program));
        let imported = executor.import(rootfs, &image, &[PROGRAM.to_owned()]).await;
        imported.map_err(|error| error.to_string())?;
        Ok(Self { executor, options, image })
    }

    /// Removes what the test made: containers of its own node label and its own image.
    async fn clean(&self) {
        for found in self.executor.adopt().await.into_iter().flatten() {
            // What cannot be removed shows in the removal of the image.
            let _ = self.executor.stop(&found.task, Stop::Kill).await;
            while matches!(self.executor.observe(&found.task).await, Observed::Running(_)) {
                Seams::system().clock.sleep(std::time::Duration::from_millis(10)).await;
            }
            let _ = self.executor.remove(&found.task).await;
        }
        let removed = self.executor.remove_image(&self.image).await;
        assert!(removed.is_ok(), "{removed:?}");
    }
}

/// The engine's own archive of an image.
async fn archive(image: &str) -> Bytes {
    let docker = Docker::connect_with_unix(SOCKET, 120, API_DEFAULT_VERSION).unwrap();
    let pieces: Vec<Bytes> = docker.export_image(image).map(|piece| piece.unwrap()).collect().await;
    pieces.concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_comes_back_from_its_archive() {
    let dir = tempfile::tempdir().unwrap();
    let bench = match Bench::open(dir.path()).await {
        Ok(bench) => bench,
        Err(reason) => {
            println!("SKIP: no usable Docker Engine here: {reason}");
            return;
        }
    };
    let (executor, image) = (&bench.executor, &bench.image);
    let archive = archive(image).await;
    executor.remove_image(image).await.unwrap();
    let missing = executor.prepare(image).await;
    executor.load(archive).await.unwrap();
    let loaded = executor.prepare(image).await;
    let nonsense = executor.load(Bytes::from_static(b"no archive")).await;
    bench.clean().await;
    assert!(matches!(missing, Err(Error::Artifact { .. })), "{missing:?}");
    assert!(loaded.is_ok(), "{loaded:?}");
    assert!(matches!(nonsense, Err(Error::Artifact { .. })), "{nonsense:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_docker_executor_holds_to_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let bench = match Bench::open(dir.path()).await {
        Ok(bench) => bench,
        Err(reason) => {
            println!("SKIP: no usable Docker Engine here: {reason}");
            return;
        }
    };
    let options = bench.options.clone();
    let open = Subject::opener(move || {
        let options = options.clone();
        async move {
            let executor: SharedExecutor =
                DockerExecutor::connect(options, Seams::system()).await?;
            Ok(executor)
        }
    });
    let link = Link(bench.options.socket.clone());
    let kit = dir.path().join("kit");
    let mut subject = Subject::new(open, &bench.image, Path::new(PROGRAM), kit);
    subject.cut = Some(Arc::new(link));
    subject.missing_image = "quorate-conformance-missing:1".to_owned();
    let report = run(&subject, &cases()).await;
    println!("{report}");
    bench.clean().await;
    assert!(report.failures().next().is_none(), "{report}");
    assert!(report.passed() > 100, "{report}");
}
