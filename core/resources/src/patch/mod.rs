//! The patches that clients send: lists of operations, merge patches, strategic merge patches.
//!
//! Pure: a patch and a document give a document or a reason. Server-side apply is
//! [`crate::ownership`].

mod json;
mod merge;
mod strategic;

pub use json::json_patch;
pub use merge::merge_patch;
pub use strategic::strategic_patch;

use thiserror::Error;

/// Why a patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The patch itself makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// The patch is well formed but the document is not as it expects.
    #[error("{0}")]
    Inapplicable(String),
}

impl PatchError {
    fn malformed(message: impl Into<String>) -> Self {
        Self::Malformed(message.into())
    }

    fn inapplicable(message: impl Into<String>) -> Self {
        Self::Inapplicable(message.into())
    }
}

#[cfg(test)]
mod tests;
