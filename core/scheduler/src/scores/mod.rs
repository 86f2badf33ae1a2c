//! The built-in scores, one file each.

mod least_allocated;
mod spread;

pub use least_allocated::LeastAllocated;
pub use spread::Spread;
