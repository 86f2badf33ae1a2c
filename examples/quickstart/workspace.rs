//! The demo's directory: artefacts, data, logs; removed when the demo went well.

use crate::report::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub(crate) struct Workspace {
    root: PathBuf,
    log: PathBuf,
}

impl Workspace {
    /// Makes the directory, sends logs to a file in it, and puts two versions of the workload where
    /// the process executor looks for `hello:1.0` and `hello:2.0`.
    pub(crate) fn create() -> Result<Self, Failure> {
        let root = std::env::temp_dir().join(format!("quorate-quickstart-{}", std::process::id()));
        let images = root.join("images/hello");
        fs::create_dir_all(&images)?;
        let program = std::env::current_exe()?.with_file_name("hello");
        for version in ["1.0", "2.0"] {
            fs::copy(&program, images.join(version)).map_err(|error| {
                Failure::from(format!("{}: {error}; build it with `make demo`", program.display()))
            })?;
        }
        let log = root.join("demo.log");
        let file = fs::File::create(&log)?;
        let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "info,openraft=warn".to_owned());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(Mutex::new(file))
            .try_init()
            .map_err(|error| Failure::from(format!("logging: {error}")))?;
        Ok(Self { root, log })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn log_path(&self) -> &Path {
        &self.log
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn remove(&self) -> Result<(), Failure> {
        Ok(fs::remove_dir_all(&self.root)?)
    }
}
