//! Identifiers, names, revisions, quantities and selectors: the values every other crate speaks.
//!
//! Place: the bottom of the workspace. Everything may depend on this crate; it depends on nothing
//! of the product.
//!
//! Invariants: no I/O, no async, no clock, no randomness. A value that exists is valid: names,
//! labels and quantities are parsed into their types, never checked later.
//!
//! ```
//! use quorate_types::{Quantity, Selector};
//! let cpu: Quantity = "250m".parse()?;
//! assert_eq!(cpu.milli(), 250);
//! let app = Selector::parse("app=web,tier!=db")?;
//! assert!(app.matches([("app", "web")]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod id;
mod key;
pub mod limits;
pub mod name;
mod quantity;
mod selector;

pub use id::{ClusterId, LeaseId, LogIndex, MemberId, Revision, Term, Uid};
pub use key::{GroupKind, ObjectKey};
pub use quantity::{Quantity, QuantityError};
pub use selector::{Requirement, Selector, SelectorError};
