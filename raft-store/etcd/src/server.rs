//! The listening end: all services on one port, with HTTP for health and metrics beside them.

use crate::auth::AuthService;
use crate::cluster::ClusterService;
use crate::context::{Context, ServerOptions, Shared};
use crate::health::{HealthService, health, version};
use crate::kv::KvService;
use crate::lease::LeaseService;
use crate::maintenance::MaintenanceService;
use crate::metrics::metrics;
use crate::proto::health_server::health_server::HealthServer;
use crate::proto::servers::auth_server::AuthServer;
use crate::proto::servers::cluster_server::ClusterServer;
use crate::proto::servers::kv_server::KvServer;
use crate::proto::servers::lease_server::LeaseServer;
use crate::proto::servers::maintenance_server::MaintenanceServer;
use crate::proto::servers::watch_server::WatchServer;
use crate::socket::accept;
use crate::watch::WatchService;
use axum::routing::get;
use quorate_member::Member;
use quorate_seams::{SharedClock, Task, spawn};
use quorate_types::limits::MAX_REQUEST_BYTES;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;

/// Largest message taken: the largest request and room for its envelope (etcd's rule).
const MAX_MESSAGE_BYTES: usize = MAX_REQUEST_BYTES + 512 * 1024;
/// HTTP/2 windows, so that one client can fill a fast network.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// A bound address that does not answer yet.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Listener {
    /// Binds an address; port 0 takes any free port.
    ///
    /// # Errors
    /// As the operating system says: `AddrInUse` for a port that another process has.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr })
    }

    /// The bound address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Begins to serve a member. Must run inside a tokio runtime.
    #[must_use]
    pub fn serve(self, member: &Member, clock: SharedClock, options: ServerOptions) -> Server {
        let context = Shared::new(member, clock, options);
        let (alive, seen) = watch::channel(());
        let serving = tonic::transport::Server::builder()
            .accept_http1(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(u32::MAX)
            .add_routes(routes(&context))
            .serve_with_incoming(accept(self.listener, seen));
        let task = spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "clients are no longer served");
            }
        });
        Server { task, alive }
    }
}

fn routes(context: &Context) -> Routes {
    let shared = || Arc::clone(context);
    let kv = KvServer::new(KvService(shared())).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let grpc = Routes::new(kv)
        .add_service(WatchServer::new(WatchService(shared())))
        .add_service(LeaseServer::new(LeaseService(shared())))
        .add_service(AuthServer::new(AuthService(shared())))
        .add_service(ClusterServer::new(ClusterService(shared())))
        .add_service(MaintenanceServer::new(MaintenanceService(shared())))
        .add_service(HealthServer::new(HealthService(shared())));
    let (asked, measured) = (shared(), shared());
    let http = grpc
        .into_axum_router()
        .route("/health", get(move || health(Arc::clone(&asked))))
        .route("/metrics", get(move || metrics(Arc::clone(&measured))))
        .route("/version", get(version));
    Routes::from(http)
}

/// A serving end; dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Server {
    task: Task<()>,
    alive: watch::Sender<()>,
}

impl Server {
    /// Closes the port, then every connection, and returns when all are closed.
    pub async fn stop(self) {
        self.task.stop().await;
        // Each connection holds a receiver until it is gone.
        self.alive.send_replace(());
        self.alive.closed().await;
    }
}
