//! A Kubernetes-shaped HTTP API over any store and any registry of kinds.
//!
//! Place: above `quorate-resources`, whose rules every request goes through, and beside the
//! controllers. [`Api`] answers requests without a socket; [`Server`] listens for it. Kinds are data:
//! nothing here knows a concrete one, except the few that Kubernetes gives requests of their own
//! (binding and eviction of pods, tokens of service accounts, reviews) and roles with their bindings.
//! [`Api::new`] alone lets everybody do everything; [`access`] says who may what, [`pki`] makes
//! certificates for those who have none.
//!
//! Invariants: whatever fails is answered with a `Status` that names object and field; a refused
//! request has written nothing; every page of a list is read at one revision; a watch misses no
//! change and repeats none.
//!
//! ```
//! use quorate_resources::Objects;
//! use quorate_seams::Seams;
//! use quorate_server::{Api, Server};
//! use quorate_store::MemoryStore;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let seams = Seams::system();
//! let store = MemoryStore::new(seams.clock.clone());
//! let objects = Objects::new(store, quorate_kinds::registry().into(), seams);
//! let server = Server::start(Api::new(objects), "127.0.0.1:0").await?;
//! println!("kubectl --server http://{} get pods", server.address());
//! server.stop().await;
//! # Ok::<(), std::io::Error>(()) }).unwrap();
//! ```

pub mod access;
mod api;
mod body;
mod call;
mod discovery;
mod dry_run;
mod failure;
mod health;
mod kubeconfig;
mod logs;
mod media;
mod older;
mod openapi;
pub mod pki;
mod protobuf;
mod query;
mod reply;
mod route;
mod select;
mod served;
mod server;
mod service;
mod table;
mod tls;
mod verbs;

pub use api::Api;
pub use kubeconfig::{Kubeconfig, KubeconfigUser};
pub use logs::{LogQuery, PodLogs};
pub use reply::ResponseBody;
pub use server::{Server, ServerOptions};
pub use tls::{ServerTls, TlsError};
