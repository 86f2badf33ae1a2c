//! The format as others see it.

#![allow(missing_docs, reason = "a test program")]

mod damage;
mod order;
