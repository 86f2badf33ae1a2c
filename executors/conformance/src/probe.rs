//! The probe as a program: built from the sources that this crate carries.
//!
//! A kit's user needs the probe where its executor runs it: as a file of the host, or in an image
//! without a C library. Both are one static executable, which `rustc` makes of the sources alone; for
//! executors of WebAssembly it makes a module or a component of them.

use crate::tar;
use std::path::{Path, PathBuf};
use std::process::Command;
use thiserror::Error;

/// The sources, as `src/bin/quorate-probe` holds them.
const SOURCES: [(&str, &str); 6] = [
    ("main.rs", include_str!("bin/quorate-probe/main.rs")),
    ("step.rs", include_str!("bin/quorate-probe/step.rs")),
    ("family.rs", include_str!("bin/quorate-probe/family.rs")),
    ("output.rs", include_str!("bin/quorate-probe/output.rs")),
    ("sys.rs", include_str!("bin/quorate-probe/sys.rs")),
    ("sys_wasi.rs", include_str!("bin/quorate-probe/sys_wasi.rs")),
];

/// Why there is no probe.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The compiler does not run.
    #[error("{program} does not run: {source}; install Rust or set RUSTC")]
    NoCompiler {
        /// What was called.
        program: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No way to link statically works here.
    #[error("the probe cannot be linked statically here; add a musl target with rustup: {0}")]
    Failed(String),
    /// The compiler makes no WebAssembly.
    #[error("the probe cannot be built for {target}; run rustup target add {target}: {said}")]
    NoTarget {
        /// The target.
        target: &'static str,
        /// What the compiler said.
        said: String,
    },
    /// A file could not be written.
    #[error("writing the probe below {dir}: {source}")]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// A built probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    path: PathBuf,
}

impl Probe {
    /// Builds the probe as a static executable below a directory, which is made if need be.
    ///
    /// # Errors
    /// There is no compiler, it cannot link statically, or the directory cannot be written.
    pub fn build(dir: &Path) -> Result<Self, ProbeError> {
        let main = unpack(dir)?;
        let path = dir.join("quorate-probe");
        let mut said = String::new();
        for target in targets() {
            match compile(&main, &path, &target)? {
                Ok(()) => return Ok(Self { path }),
                Err(reason) => said = reason,
            }
        }
        Err(ProbeError::Failed(said))
    }

    /// Builds the probe for WASI below a directory, which is made if need be.
    ///
    /// # Errors
    /// There is no compiler or it does not know the target, or the directory cannot be written.
    pub fn build_wasi(dir: &Path, form: Wasi) -> Result<Self, ProbeError> {
        let (main, target) = (unpack(dir)?, form.target());
        let path = dir.join(format!("quorate-probe.{target}.wasm"));
        match compile(&main, &path, &["--target".to_owned(), target.to_owned()])? {
            Ok(()) => Ok(Self { path }),
            Err(said) => Err(ProbeError::NoTarget { target, said }),
        }
    }

    /// A probe that exists already, dynamically linked or not.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The probe's path in an image made of [`Probe::rootfs`].
    pub const IN_IMAGE: &str = "/probe";

    /// The root file system of an image from scratch, as a tar: the probe and nothing else.
    ///
    /// # Errors
    /// The executable cannot be read.
    pub fn rootfs(&self) -> std::io::Result<Vec<u8>> {
        let name = Self::IN_IMAGE.trim_start_matches('/');
        Ok(tar::of_program(name, &std::fs::read(&self.path)?))
    }

    /// The executable file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The forms of WebAssembly that the probe is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wasi {
    /// A core module of WASI preview 1.
    P1,
    /// A component of WASI 0.2.
    P2,
}

impl Wasi {
    /// What the compiler calls it.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::P1 => "wasm32-wasip1",
            Self::P2 => "wasm32-wasip2",
        }
    }
}

/// Writes the sources below a directory; the path of the first of them.
fn unpack(dir: &Path) -> Result<PathBuf, ProbeError> {
    let io = |source| ProbeError::Io { dir: dir.to_owned(), source };
    let sources = dir.join("probe-src");
    std::fs::create_dir_all(&sources).map_err(io)?;
    for (name, text) in SOURCES {
        std::fs::write(sources.join(name), text).map_err(io)?;
    }
    Ok(sources.join("main.rs"))
}

/// What `rustc` is told; each is tried in turn until one makes a static executable.
fn targets() -> [Vec<String>; 2] {
    let musl = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    [vec!["-C".into(), "target-feature=+crt-static".into()], vec!["--target".into(), musl]]
}

/// Calls the compiler; the inner error is what it said.
fn compile(main: &Path, to: &Path, target: &[String]) -> Result<Result<(), String>, ProbeError> {
    let program = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(&program)
        .args([
            "--edition",
            "2024",
            "-C",
            "opt-level=s",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
        ])
        .args(target)
        .arg("-o")
        .args([to, main])
        .output()
        .map_err(|source| ProbeError::NoCompiler { program, source })?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(if output.status.success() { Ok(()) } else { Err(said) })
}
