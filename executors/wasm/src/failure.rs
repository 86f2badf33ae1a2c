//! Why there is no program, or no run of one.

use quorate_executor::Error as ExecutorError;
use thiserror::Error;

/// Why an image is not a program that this executor runs.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The reference is of a form that no source answers to.
    #[error("is not file:///path/to/module.wasm, /path/to/module.wasm or blob://sha256:<digest>")]
    Form,
    /// It needs something that this executor was not given.
    #[error("{0}")]
    Source(String),
    /// The bytes could not be read.
    #[error("reading {what}: {source}")]
    Read {
        /// The file or blob.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Nobody has such bytes.
    #[error("{0} does not exist; put the module there")]
    Missing(String),
    /// The bytes are not those that were named.
    #[error("the bytes have the digest sha256:{found}; whoever holds the blob has damaged it")]
    Digest {
        /// What the bytes hash to.
        found: String,
    },
    /// They are no WebAssembly.
    #[error("is not WebAssembly: it begins with {0}; build it for wasm32-wasip1 or wasm32-wasip2")]
    Magic(String),
    /// They are WebAssembly of a kind that this executor does not run.
    #[error("version {0} of WebAssembly is neither a module nor a component that runs here")]
    Version(u32),
    /// They are not valid, or need a feature that is off, or are beyond a limit.
    #[error("cannot be compiled: {0}")]
    Compile(String),
    /// It imports what nobody gives it.
    #[error("cannot be linked: {0}")]
    Link(String),
    /// It has no entry point.
    #[error("{0}")]
    Entry(String),
}

impl Failure {
    /// Whether it says something of this moment, rather than of the image.
    pub(crate) fn is_transient(&self) -> bool {
        let wrong = std::io::ErrorKind::InvalidData;
        matches!(self, Self::Read { source, .. } if source.kind() != wrong)
    }

    /// The contract's error for an image.
    pub(crate) fn of_image(self, image: &str) -> ExecutorError {
        match self {
            Self::Read { what, source } if source.kind() != std::io::ErrorKind::InvalidData => {
                ExecutorError::io(format!("image {image:?}: reading {what}"), source)
            }
            other => ExecutorError::Artifact { image: image.to_owned(), reason: other.to_string() },
        }
    }
}

/// What an engine's error says, in one line of bounded length.
pub(crate) fn said(error: &wasmtime::Error) -> String {
    const MOST: usize = 2000;
    let text = format!("{error:#}").replace('\n', " ");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
