//! bbolt's file format, in which etcd keeps its data: a reader and a bulk writer.
//!
//! Place: below what moves data into and out of etcd. Knows pages, trees and nested buckets; knows
//! nothing of etcd, of Raft, or of changing a file in place.
//!
//! Invariants: the reader believes nothing that it reads. Whatever the bytes, it ends, it takes no
//! more memory than a few pages, it does not panic, and what is wrong is an error that names the page
//! and the field. The writer takes keys in order, holds one page per level of the tree, never goes
//! back, and is told beforehand how large the file becomes ([`Writer::measuring`]).
//!
//! ```
//! use quorate_bolt::{Database, Item, Layout, Writer};
//!
//! fn fill<W: std::io::Write>(mut writer: Writer<W>) -> Result<Layout, quorate_bolt::WriteError> {
//!     writer.bucket(b"fruits")?;
//!     writer.pair(b"apple", b"green")?;
//!     writer.pair(b"plum", b"blue")?;
//!     writer.finish()
//! }
//! let layout = fill(Writer::measuring(4096))?;
//! let mut file = Vec::new();
//! fill(Writer::new(&mut file, layout)?)?;
//!
//! let database = Database::open(&file[..])?;
//! let fruits = database.bucket(b"fruits")?.expect("it was written");
//! let mut scan = database.scan(&fruits)?;
//! let Some(Item::Value(key, value)) = scan.next_item()? else { panic!("it was written") };
//! assert_eq!((key, value), (&b"apple"[..], &b"green"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod database;
mod error;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod page;
mod scan;
mod source;
mod write;

pub use database::{Bucket, Database, Limits};
pub use error::{Error, WriteError};
pub use scan::{Item, Scan};
pub use source::Source;
pub use write::{Layout, Writer};
