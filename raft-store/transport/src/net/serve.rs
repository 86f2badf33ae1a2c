//! HTTP on accepted connections, with every call in the task of its connection.
//!
//! A task for each call, as is usual, is scheduled when the call begins, when it can go on, and makes
//! its connection be scheduled when it has something to send. Most calls here wait for the same commit
//! as hundreds of others: kept beside their connection, those that can go on do so together, and what
//! they answer leaves in one write.
//!
//! Invariants: a connection's calls end with it; a call that keeps the processor for itself holds up
//! the others of its connection, but nothing else; one that panics ends by itself.

use super::{Caller, Socket};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt};
use hyper::body::{Body as HttpBody, Incoming};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use quorate_seams::spawn_detached;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tonic::transport::server::Connected;

type BoxError = Box<dyn Error + Send + Sync>;

/// How connections are served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Serving {
    /// Bytes that a caller may send on one stream, and on one connection, before it is told to go on.
    pub stream_window: u32,
    /// See [`Serving::stream_window`].
    pub connection_window: u32,
    /// Most streams that a connection has open at a time.
    pub max_streams: u32,
    /// Silence after which a caller is asked for a sign of life, and the time that it has to give one.
    /// `None` to never ask.
    pub keep_alive: Option<(Duration, Duration)>,
}

impl Serving {
    /// HTTP/2's own windows, any number of streams, and no signs of life.
    #[must_use]
    pub fn new() -> Self {
        let window = 65_535;
        Self {
            stream_window: window,
            connection_window: window,
            max_streams: u32::MAX,
            keep_alive: None,
        }
    }

    fn builder(&self, calls: Calls) -> Builder<Calls> {
        let mut builder = Builder::new(calls);
        // Slow headers are given up after hyper's own time.
        builder.http1().timer(TokioTimer::new());
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window)
            .max_concurrent_streams(self.max_streams)
            .keep_alive_interval(self.keep_alive.map(|(interval, _)| interval));
        if let Some((_, timeout)) = self.keep_alive {
            builder.http2().keep_alive_timeout(timeout);
        }
        builder
    }
}

impl Default for Serving {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves HTTP/1 and HTTP/2 on connections until no more of them come. Requests carry their [`Caller`]
/// as an extension. The service must always be ready, as those of tonic and axum are.
pub async fn serve<S, B>(
    connections: impl Stream<Item = io::Result<Socket>>,
    service: S,
    serving: Serving,
) where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let mut connections = pin!(connections);
    while let Some(accepted) = connections.next().await {
        match accepted {
            Ok(socket) => {
                drop(spawn_detached(connection(socket, service.clone(), serving.clone())));
            }
            Err(error) => tracing::debug!(%error, "a connection was not accepted"),
        }
    }
}

async fn connection<S, B>(socket: Socket, service: S, serving: Serving)
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let called = Called { service, caller: socket.connect_info() };
    let calls = Calls::default();
    let builder = serving.builder(calls.clone());
    let mut driven = pin!(builder.serve_connection(TokioIo::new(socket), called));
    let mut running = FuturesUnordered::new();
    let ended = std::future::poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = driven.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            running.extend(calls.take());
            let mut progress = false;
            while let Poll::Ready(Some(())) = running.poll_next_unpin(cx) {
                progress = true;
            }
            // Those that have ended left something to send.
            if !progress {
                return Poll::Pending;
            }
        }
    });
    if let Err(error) = ended.await {
        tracing::debug!(%error, "a connection ended");
    }
}

/// A service as one connection calls it.
struct Called<S> {
    service: S,
    caller: Caller,
}

impl<S> hyper::service::Service<Request<Incoming>> for Called<S>
where
    S: Service<Request<Body>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.caller.clone());
        self.service.clone().call(request)
    }
}

/// The calls of a connection that have begun and are not polled yet.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Calls {
    fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F> Executor<F> for Calls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        // Dropped, it resets its stream; the others of the connection go on.
        let contained = AssertUnwindSafe(call).catch_unwind().map(|outcome| {
            if outcome.is_err() {
                tracing::error!("a call panicked");
            }
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(contained.boxed());
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calls").finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Sockets, Url};
    use quorate_seams::{SystemClock, spawn};
    use std::convert::Infallible;
    use std::future::poll_fn;
    use std::task::Context;
    use tokio::sync::watch;
    use tonic::transport::{Channel, Endpoint};

    /// Answers every path but one, which panics.
    #[derive(Clone)]
    struct Fragile;

    impl Service<Request<Body>> for Fragile {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            async move {
                assert_ne!(request.uri().path(), "/panic");
                Ok(Response::new(Body::empty()))
            }
            .boxed()
        }
    }

    async fn ask(mut channel: Channel, path: &str) -> bool {
        let request = Request::builder().uri(format!("http://test{path}")).body(Body::empty());
        poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
        channel.call(request.unwrap()).await.is_ok()
    }

    #[tokio::test]
    async fn a_call_that_panics_ends_alone() {
        let sockets = Sockets::bind(&[Url::plain("127.0.0.1:0")], None).await.unwrap();
        let addr = sockets.addr().unwrap();
        let (_alive, living) = watch::channel(());
        let connections = sockets.accept(SystemClock::shared(), living);
        let _serving = spawn(serve(connections, Fragile, Serving::new()));
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        for _ in 0..3 {
            let (good, bad) =
                tokio::join!(ask(channel.clone(), "/good"), ask(channel.clone(), "/panic"));
            assert!(good, "a call beside one that panics is answered");
            assert!(!bad, "one that panics is not answered");
        }
    }
}
