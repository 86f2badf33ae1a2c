//! Why a configuration is refused; each names the flag and the value.

use quorate_member::net::{TlsError, UrlError};
use std::path::PathBuf;
use thiserror::Error;

/// Why a configuration is refused. Texts are Go's and etcd's where they have one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No such flag.
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    /// A flag that needs a value has none.
    #[error("flag needs an argument: -{0}")]
    NoValue(&'static str),
    /// A flag does not take the value.
    #[error("invalid value {value:?} for flag -{flag}: {reason}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// The value.
        value: String,
        /// Why.
        reason: String,
    },
    /// A variable of the environment does not hold a value that its flag takes.
    #[error("invalid value {value:?} for {variable}: {reason}")]
    Variable {
        /// The variable.
        variable: String,
        /// The value.
        value: String,
        /// Why.
        reason: String,
    },
    /// A variable of the environment says what a flag says already.
    #[error(
        "conflicting environment variable {0:?} is shadowed by corresponding command-line flag (either unset environment variable or disable flag)"
    )]
    Shadowed(String),
    /// Something between the flags.
    #[error("'{0}' is not a valid flag")]
    Argument(String),
    /// What the flag asks for does not exist here.
    #[error("--{flag}={value} is not supported: {reason}")]
    Unsupported {
        /// The flag.
        flag: &'static str,
        /// The value.
        value: String,
        /// Why.
        reason: &'static str,
    },
    /// The configuration file cannot be read.
    #[error("configuration file {}: {reason}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A URL is none.
    #[error("--{flag}: {source}")]
    Url {
        /// The flag.
        flag: &'static str,
        /// Why.
        source: UrlError,
    },
    /// Flags contradict each other, or a value makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
