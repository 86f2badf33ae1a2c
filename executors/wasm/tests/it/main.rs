//! The WASM executor from outside.

mod cache;
mod conformance;
mod density;
mod hostile;
mod limits;
mod recovery;
mod rights;
mod stopping;
mod support;
