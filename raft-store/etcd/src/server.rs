//! The listening end: all services on one port, with HTTP for health and metrics beside them.

use crate::auth::AuthService;
use crate::calls::CallsLayer;
use crate::cluster::ClusterService;
use crate::concurrency::{ElectionService, LockService};
use crate::context::{Context, ServerOptions, Shared};
use crate::gateway;
use crate::health::HealthService;
use crate::http;
use crate::kv::KvService;
use crate::lease::LeaseService;
use crate::maintenance::MaintenanceService;
use crate::proto::election_server::election_server::ElectionServer;
use crate::proto::health_server::health_server::HealthServer;
use crate::proto::lock_server::lock_server::LockServer;
use crate::proto::servers::auth_server::AuthServer;
use crate::proto::servers::cluster_server::ClusterServer;
use crate::proto::servers::kv_server::KvServer;
use crate::proto::servers::lease_server::LeaseServer;
use crate::proto::servers::maintenance_server::MaintenanceServer;
use crate::proto::servers::watch_server::WatchServer;
use crate::reflection;
use crate::watch::WatchService;
use axum::response::{IntoResponse, Response};
use quorate_member::Member;
use quorate_member::net::{ListenError, ServerTls, Serving, Sockets, Url, serve};
use quorate_seams::{SharedClock, Task, spawn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tonic::codegen::http::{Request, StatusCode, header};
use tonic::service::Routes;
use tower_layer::Layer;

/// Room in a message beside the largest request (etcd's rule).
const ENVELOPE_BYTES: usize = 512 * 1024;
/// HTTP/2 windows, so that one client can fill a fast network.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// Bound addresses that do not answer yet.
#[derive(Debug)]
pub struct Listener {
    sockets: Sockets,
    addr: SocketAddr,
}

impl Listener {
    /// Binds an address; port 0 takes any free port.
    ///
    /// # Errors
    /// As the operating system says: `AddrInUse` for a port that another process has.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let bound = Self::bind_urls(&[Url::plain(addr.to_string())], None).await;
        bound.map_err(|error| error.source)
    }

    /// Binds several URLs, with TLS where they say so.
    ///
    /// # Errors
    /// As the operating system says, or there is an encrypted URL and no certificate.
    pub async fn bind_urls(urls: &[Url], tls: Option<ServerTls>) -> Result<Self, ListenError> {
        let sockets = Sockets::bind(urls, tls).await?.for_old_clients();
        let addr = sockets.addr().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        Ok(Self { sockets, addr })
    }

    /// The first bound TCP address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URLs, with the ports that were taken.
    #[must_use]
    pub fn urls(&self) -> &[Url] {
        self.sockets.urls()
    }

    /// Begins to serve a member. Must run inside a tokio runtime.
    #[must_use]
    pub fn serve(self, member: &Member, clock: SharedClock, options: ServerOptions) -> Server {
        self.serve_with(None, member, clock, options)
    }

    /// As [`Listener::serve`], with a listener beside it for metrics and health alone.
    #[must_use]
    pub fn serve_with(
        self,
        metrics: Option<Self>,
        member: &Member,
        clock: SharedClock,
        options: ServerOptions,
    ) -> Server {
        let context = Shared::new(member, SharedClock::clone(&clock), options);
        let calls = CallsLayer::new(Arc::clone(&context.ledger), Arc::clone(&context.rules));
        let (alive, seen) = watch::channel(());
        let (everything, serving) = (calls.layer(routes(&context, &calls)), serving(&context));
        let sockets = self.sockets.accept(SharedClock::clone(&clock), seen.clone());
        let mut tasks = vec![spawn(serve(sockets, everything, serving.clone()))];
        if let Some(metrics) = metrics {
            let plain = Routes::from(http::routes(&context)).prepare();
            tasks.push(spawn(serve(metrics.sockets.accept(clock, seen), plain, serving)));
        }
        let rules = Arc::clone(&context.rules);
        tasks.push(spawn(async move {
            tokio::join!(Arc::clone(&context).follow_leaders(), rules.watch_leader());
        }));
        Server { tasks, alive }
    }
}

fn serving(context: &Context) -> Serving {
    let mut serving = Serving::new();
    serving.stream_window = STREAM_WINDOW;
    serving.connection_window = CONNECTION_WINDOW;
    serving.max_streams = context.options.max_streams;
    serving.keep_alive = context.options.keep_alive;
    serving
}

/// The services; Lock and Election call the others.
fn services(context: &Context) -> Routes {
    let shared = || Arc::clone(context);
    let largest = context.options.max_request_bytes.saturating_add(ENVELOPE_BYTES);
    let kv = KvServer::new(KvService(shared())).max_decoding_message_size(largest);
    let grpc = Routes::new(kv)
        .add_service(WatchServer::new(WatchService(shared())))
        .add_service(LeaseServer::new(LeaseService(shared())))
        .add_service(AuthServer::new(AuthService(shared())))
        .add_service(ClusterServer::new(ClusterService(shared())))
        .add_service(MaintenanceServer::new(MaintenanceService(shared())))
        .add_service(HealthServer::new(HealthService(shared())))
        .prepare();
    let (lock, election) = (LockService(grpc.clone()), ElectionService(grpc.clone()));
    let grpc = grpc.add_service(LockServer::new(lock)).add_service(ElectionServer::new(election));
    match reflection::services() {
        Some(reflected) => grpc.add_service(reflected.0).add_service(reflected.1),
        None => grpc,
    }
}

/// Everything that is served: the services, the gateway before them, and plain HTTP.
fn routes(context: &Context, calls: &CallsLayer) -> Routes {
    let grpc = services(context);
    let gateway = gateway::router(
        &calls.layer(grpc.clone()),
        &context.descriptors,
        context.options.max_streams,
    );
    let plain =
        http::routes(context).merge(gateway).layer(axum::middleware::from_fn(http::allow_origins));
    Routes::from(grpc.into_axum_router().merge(plain).fallback(unknown)).prepare()
}

/// What no route leads to: in gRPC's words for its callers, in Go's for the others.
async fn unknown(request: Request<axum::body::Body>) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        let service = request.uri().path().trim_start_matches('/').split('/').next();
        let told = format!("unknown service {}", service.unwrap_or_default());
        return tonic::Status::unimplemented(told).into_http::<axum::body::Body>();
    }
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

/// A serving end; dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Server {
    tasks: Vec<Task<()>>,
    alive: watch::Sender<()>,
}

impl Server {
    /// Closes the port, then every connection, and returns when all are closed.
    pub async fn stop(self) {
        for task in self.tasks {
            task.stop().await;
        }
        // Each connection holds a receiver until it is gone.
        self.alive.send_replace(());
        self.alive.closed().await;
    }
}
