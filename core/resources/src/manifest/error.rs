//! What is wrong with a manifest: always with file, document, line, path and reason.

use crate::{Applied, Error, FieldError};
use std::fmt;
use thiserror::Error;

/// A manifest could not be read or applied.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestError {
    /// File, as the caller named it.
    pub file: String,
    /// Number of the document, counted from 1; 0 if the file as a whole is refused.
    pub document: usize,
    /// Line at which the fault, or else the document, starts, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: Box<Fault>,
    /// What the documents before it did: that stands.
    pub applied: Vec<Applied>,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file is too large to be read.
    #[error("file of {bytes} bytes is too large, the limit is {limit}: split it")]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The text is no YAML, or exceeds a bound.
    #[error("malformed YAML: {0}")]
    Yaml(String),
    /// The document is no object.
    #[error("{}{error}", within(*item))]
    Shape {
        /// Position in the `List`, if the object came from one.
        item: Option<usize>,
        /// Why.
        error: FieldError,
    },
    /// The object is refused.
    #[error("{}{error}", within(*item))]
    Refused {
        /// Position in the `List`, if the object came from one.
        item: Option<usize>,
        /// Why.
        error: Error,
    },
}

fn within(item: Option<usize>) -> String {
    item.map(|index| format!("items[{index}]: ")).unwrap_or_default()
}

impl ManifestError {
    /// Path of the field at fault; `None` if the fault is not in a field.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match &*self.fault {
            Fault::Shape { error, .. } => Some(&error.path),
            Fault::Refused { error, .. } => error.causes().first().map(|cause| cause.path.as_str()),
            _ => None,
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if self.document > 0 {
            write!(f, "document {} (line {}): ", self.document, self.line)?;
        }
        write!(f, "{}", self.fault)?;
        match self.applied.len() {
            0 => Ok(()),
            1 => f.write_str(" (the object before it was applied)"),
            count => write!(f, " (the {count} objects before it were applied)"),
        }
    }
}

impl std::error::Error for ManifestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.fault {
            Fault::Refused { error, .. } => std::error::Error::source(error),
            _ => None,
        }
    }
}
