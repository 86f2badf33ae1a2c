//! Manifests: YAML files with one or more objects.
//!
//! Documents are cut apart before any is parsed, so that a damaged one hides neither those before
//! nor those after it. JSON is YAML; empty documents are skipped; an object of kind `List` stands for its
//! items. Bounds: [`MAX_MANIFEST_BYTES`](quorate_types::limits::MAX_MANIFEST_BYTES) per file, and
//! the depth, aliases and nodes that [`parse`] allows per document.

mod apply;
mod error;
mod parse;
mod split;

pub use apply::{apply, create};
pub use error::{Fault, ManifestError};
pub use parse::{Document, parse, value};

#[cfg(test)]
mod tests;
