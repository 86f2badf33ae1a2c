//! The format as others see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(missing_docs, reason = "a test program")]

mod damage;
mod order;
