//! etcd's configuration: flags, `ETCD_*` variables and the YAML file.
//!
//! Place: before anything runs. Parsing is pure; reading the environment and the file is left to
//! [`Config::load`].
//!
//! Invariants: an unknown flag is an error; a flag without effect is noted; precedence and texts are
//! etcd's.

mod error;
mod file;
mod flags;
mod help;
mod input;
mod typed;
mod value;

pub use error::ConfigError;
pub use help::{FlagNote, flags, help};
pub use typed::{Compaction, Config, LogOptions};

use input::{Asked, command_line, environment};
use std::path::Path;

/// What a command line asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// The version is to be printed.
    Version,
    /// The flags are to be explained.
    Help,
    /// A member is to be run.
    Serve(Box<Config>),
}

impl Config {
    /// Reads a command line, the environment and, if one is named, the configuration file.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(
        arguments: impl Iterator<Item = String>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Command, ConfigError> {
        let (given, file) = match command_line(arguments)? {
            Asked::Version => return Ok(Command::Version),
            Asked::Help => return Ok(Command::Help),
            Asked::Serve { given, file } => (given, file),
        };
        let variables: Vec<_> = variables.collect();
        let named = variables.iter().find(|(name, _)| name == "ETCD_CONFIG_FILE");
        let file = file.or_else(|| named.map(|(_, value)| value.clone()));
        let given = match file.filter(|file| !file.is_empty()) {
            Some(path) => {
                let text = std::fs::read_to_string(&path).map_err(|error| ConfigError::File {
                    path: path.clone().into(),
                    reason: error.to_string(),
                })?;
                file::parse(Path::new(&path), &text)?
            }
            None => environment(given, variables.into_iter())?,
        };
        Ok(Command::Serve(Box::new(Self::from_given(&given)?)))
    }
}
