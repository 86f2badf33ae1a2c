//! etcd v3's gRPC services over a member of the replicated store.
//!
//! Place: beside `quorate-member`, whose handle it serves; it adds nothing to the data model. Any
//! client of etcd can talk to it: KV, Watch, Lease, Auth, Cluster, Maintenance, Lock, Election,
//! the gRPC health service, reflection, and over HTTP the JSON gateway, `/health`, `/livez`, `/readyz`,
//! `/version` and `/metrics`. Data moves in and out of an etcd with [`snapshot`]. `COMPATIBILITY.md`
//! says more.
//!
//! Every call passes `calls` on its way, where it is checked and counted; the gateway and the recipes
//! (`concurrency`) are callers like any other.
//!
//! Invariants: every request reaches the state on behalf of whoever sent it (`auth`). Messages, error
//! codes and error texts are etcd's, since clients compare them. What may have happened is answered with a code that clients do not repeat writes on. The events of a
//! revision are encoded once and shared by all who watch them. A slow reader costs only itself.
//!
//! ```no_run
//! use quorate_etcd::{Listener, ServerOptions};
//! use quorate_member::{Member, MemberOptions};
//! use quorate_seams::Seams;
//! use quorate_types::{ClusterId, MemberId};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let peers = "127.0.0.1:2380".parse()?;
//! let options = MemberOptions::new(ClusterId(7), MemberId(1), "/var/lib/quorate", peers);
//! let seams = Seams::system();
//! let member = Member::start(options, seams.clone()).await?;
//! let listener = Listener::bind("127.0.0.1:2379".parse()?).await?;
//! let server = listener.serve(&member, seams.clock, ServerOptions::default());
//! // … until the process is told to end.
//! server.stop().await;
//! member.shutdown().await?;
//! # Ok(()) }
//! ```

mod auth;
mod calls;
mod cluster;
mod concurrency;
pub mod config;
mod context;
mod convert;
mod descriptors;
mod errors;
mod gateway;
mod health;
mod http;
mod initial_cluster;
mod kv;
mod launch;
mod lease;
mod maintenance;
mod metrics;
pub mod proto;
mod range_stream;
mod reflection;
mod server;
pub mod snapshot;
mod txn;
mod version;
mod watch;

pub use auth::{AuthOptions, AuthOptionsError, ClientName, TokenKind};
pub use context::ServerOptions;
pub use initial_cluster::{InitialCluster, InitialClusterError, InitialMember};
pub use launch::{Etcd, LaunchError};
pub use server::{Listener, Server};

/// The version of etcd whose behaviour clients may expect; many look at it before they use a feature.
pub const ETCD_VERSION: &str = "3.6.14";
