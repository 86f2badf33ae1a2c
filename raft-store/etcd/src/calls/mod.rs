//! Where every call passes on its way to a service: what holds for all of them is checked and counted
//! here.
//!
//! Invariants: a call that is refused here never reaches its service; a call is counted as begun once
//! and as ended once, with the code its caller saw, or `Canceled` if he hung up before.

mod body;
mod deadline;
mod entry;
mod frames;
mod ledger;
mod rules;

pub(crate) use body::ResponseBody;
pub(crate) use ledger::{CODES, Ledger, MethodCounts};
pub(crate) use rules::Rules;

use body::RequestBody;
use entry::Entry;
use futures::FutureExt;
use futures::future::BoxFuture;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tower_layer::Layer;

/// Puts [`Calls`] before a service.
#[derive(Clone, Debug)]
pub(crate) struct CallsLayer {
    ledger: Arc<Ledger>,
    rules: Arc<Rules>,
}

impl CallsLayer {
    pub(crate) fn new(ledger: Arc<Ledger>, rules: Arc<Rules>) -> Self {
        Self { ledger, rules }
    }
}

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { inner, ledger: Arc::clone(&self.ledger), rules: Arc::clone(&self.rules) }
    }
}

/// A service whose gRPC calls are checked and counted; what is no call of a known method passes.
#[derive(Clone, Debug)]
pub(crate) struct Calls<S> {
    inner: S,
    ledger: Arc<Ledger>,
    rules: Arc<Rules>,
}

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<RequestBody>, Response = Response<Body>>,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(method) = self.ledger.find(request.uri().path()) else {
            let inner = self.inner.call(request.map(RequestBody::unknown));
            return Answer::Runs { inner, entry: None, leash: None, deadline: None };
        };
        let entry = Entry::begin(&self.ledger, method);
        match self.rules.admit(&self.ledger, method, request.headers()) {
            Err(refusal) => Answer::Refused { refusal: Some(refusal), entry: Some(entry) },
            Ok(leash) => {
                let deadline = self.rules.deadline(request.headers());
                let ledger = Arc::clone(&self.ledger);
                let request = request.map(|body| RequestBody::counted(body, ledger, method));
                let inner = self.inner.call(request);
                Answer::Runs { inner, entry: Some(entry), leash, deadline }
            }
        }
    }
}

pin_project! {
    /// A call under way.
    #[project = Stage]
    pub(crate) enum Answer<F> {
        Runs {
            #[pin]
            inner: F,
            entry: Option<Entry>,
            leash: Option<rules::Leash>,
            // Until the answer begins.
            deadline: Option<BoxFuture<'static, ()>>,
        },
        Refused { refusal: Option<Status>, entry: Option<Entry> },
    }
}

impl<F, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = Result<Response<ResponseBody>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Stage::Refused { refusal, entry } => {
                let refusal = refusal.take().unwrap_or_else(|| Status::internal("asked twice"));
                Poll::Ready(Ok(refused(&refusal, entry)))
            }
            Stage::Runs { inner, entry, leash, deadline } => {
                let Poll::Ready(response) = inner.poll(cx) else {
                    let Some(deadline) = deadline else { return Poll::Pending };
                    ready!(deadline.poll_unpin(cx));
                    return Poll::Ready(Ok(refused(&deadline::exceeded(), entry)));
                };
                let mut response = response?;
                let Some(entry) = entry.take() else {
                    return Poll::Ready(Ok(response.map(ResponseBody::unknown)));
                };
                rules::translate(response.headers_mut());
                // An answer that is only a failure has its code in front.
                let failed = Status::from_header_map(response.headers());
                let leash = leash.take();
                Poll::Ready(Ok(match failed {
                    Some(failed) => {
                        entry.end(failed.code());
                        response.map(ResponseBody::unknown)
                    }
                    None => response.map(|body| ResponseBody::counted(body, entry, leash)),
                }))
            }
        }
    }
}

fn refused(refusal: &Status, entry: &mut Option<Entry>) -> Response<ResponseBody> {
    if let Some(entry) = entry.take() {
        entry.end(refusal.code());
    }
    refusal.clone().into_http::<Body>().map(ResponseBody::unknown)
}
