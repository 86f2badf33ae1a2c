//! The built-in filters, one file each.

mod fit;
mod ready;
mod runtime_class;
mod selector;
mod taints;

pub use fit::Fit;
pub use ready::Ready;
pub use runtime_class::{RUNTIME_LABEL_PREFIX, RuntimeClass};
pub use selector::NodeSelector;
pub use taints::Taints;
