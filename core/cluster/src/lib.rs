#![doc = include_str!("../../../README.md")]
//!
//! # Parts
//!
//! [`Cluster`] composes everything; each part stands alone as well: [`store`] (any store, the
//! conformance suite), [`resources`] (objects over a store), [`reconcile`] (reconcilers without pods),
//! [`scheduler`] (a pure plan), [`agent`] and [`executor`] (nodes), [`network`] (the service proxy).
//!
//! Invariants: nothing is global, several clusters live in one process; whatever a cluster starts
//! stops with it, except pods, which outlive it and are found again.

mod builder;
mod cluster;
mod control_plane;
#[cfg(feature = "raft")]
mod durable;
mod endpoints;
mod error;
mod formation;
mod in_memory;
mod layout;
mod node;

pub use builder::{ClusterBuilder, MemberTiming, NodeTiming};
pub use cluster::Cluster;
pub use error::Error;
pub use node::NodeContext;
#[cfg(feature = "process")]
pub use quorate_process::maybe_shim;

pub use quorate_agent as agent;
pub use quorate_controllers as controllers;
pub use quorate_executor as executor;
pub use quorate_kinds as kinds;
#[cfg(feature = "raft")]
pub use quorate_member as member;
pub use quorate_network as network;
#[cfg(feature = "process")]
pub use quorate_process as process;
pub use quorate_reconcile as reconcile;
pub use quorate_resources as resources;
pub use quorate_scheduler as scheduler;
pub use quorate_seams as seams;
pub use quorate_store as store;
pub use quorate_types as types;
