//! The engine of this machine with the probe's image on it.

use bytes::Bytes;
use quorate_conformance::{Cut, Probe};
use quorate_docker::{DockerExecutor, DockerOptions, PullPolicy};
use quorate_executor::{Executor, Health, Observed, Stop};
use quorate_seams::{OsRandom, Random, Seams};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The engine's socket.
pub(crate) const SOCKET: &str = "/var/run/docker.sock";

/// The executor reaches the engine through a link, which can be taken away.
#[derive(Debug)]
pub(crate) struct Link(pub(crate) PathBuf);

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
pub(crate) struct Bench {
    pub(crate) executor: Arc<DockerExecutor>,
    pub(crate) options: DockerOptions,
    pub(crate) image: String,
}

impl Bench {
    /// `Err` says why this machine cannot run the tests.
    pub(crate) async fn open(dir: &Path) -> Result<Self, String> {
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
        let rootfs = Bytes::from(probe.rootfs().map_err(|error| error.to_string())?);
        let image = format!("quorate-conformance-{unique}:1");
        let imported = executor.import(rootfs, &image, &[Probe::IN_IMAGE.to_owned()]).await;
        imported.map_err(|error| error.to_string())?;
        Ok(Self { executor, options, image })
    }

    /// Removes what the test made: containers of its own node label and its own image.
    pub(crate) async fn clean(&self) {
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
