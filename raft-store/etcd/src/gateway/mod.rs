//! The JSON gateway: every method of etcd's services as a POST below `/v3/`.
//!
//! Invariants: what it does, it does by calling the services, so that nothing holds for gRPC and not
//! here; it knows no message, only their descriptions. A stream is told line by line, and a client
//! that hangs up ends the call.

mod call;
mod failure;
mod json;
mod routes;

pub(crate) use routes::ROUTES;

use crate::calls::Calls;
use crate::descriptors::Descriptors;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use call::{Caller, Messages};
use failure::{broken, failed};
use futures::stream::{self, BoxStream, StreamExt};
use json::Values;
use prost_reflect::MethodDescriptor;
use quorate_types::limits::MAX_REQUEST_BYTES;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::codegen::http::{HeaderName, HeaderValue, StatusCode, header};
use tonic::service::Routes;

/// Most bytes of a JSON value: of the largest request, which base64 makes a third longer.
const MAX_VALUE_BYTES: usize = 2 * (MAX_REQUEST_BYTES + 512 * 1024);
/// Prefixes under which the routes are served; the older one for clients of etcd 3.3 and 3.4.
const PREFIXES: [&str; 2] = ["/v3", "/v3beta"];
/// What etcd's gateway says of each answer.
const TOLD: (HeaderName, HeaderValue) = (
    HeaderName::from_static("grpc-metadata-content-type"),
    HeaderValue::from_static("application/grpc"),
);

/// The routes of all methods that are described.
///
/// As in etcd, all requests together are one client of the services: more than `most` at a time wait.
pub(crate) fn router(calls: &Calls<Routes>, descriptors: &Descriptors, most: u32) -> Router {
    let mut router = Router::new();
    let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(most));
    for (path, method) in ROUTES {
        let Some(descriptor) = descriptors.method(method) else { continue };
        for prefix in PREFIXES {
            let caller = Caller { calls: calls.clone(), room: Arc::clone(&room) };
            let descriptor = descriptor.clone();
            let handler = move |request: Request| {
                let gate =
                    Gate { caller: caller.clone(), path: method, method: descriptor.clone() };
                gate.answer(request)
            };
            let route = post(handler)
                .fallback(async || (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n"));
            router = router.route(&format!("{prefix}{path}"), route);
        }
    }
    let unknown = async || (StatusCode::NOT_FOUND, "Not Found\n");
    for prefix in PREFIXES {
        router = router.route(&format!("{prefix}/{{*rest}}"), axum::routing::any(unknown));
    }
    router
}

/// One request on its way to its method.
struct Gate {
    caller: Caller,
    path: &'static str,
    method: MethodDescriptor,
}

impl Gate {
    async fn answer(self, request: Request) -> Response {
        let streams = self.method.is_server_streaming();
        let answered = match streams {
            true => self.stream(request).await,
            false => self.unary(request).await,
        };
        answered.unwrap_or_else(|status| failed(&status))
    }

    async fn unary(mut self, request: Request) -> Result<Response, Status> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, MAX_VALUE_BYTES).await;
        let body = body.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let message = json::read(&self.method.input(), &body)?;
        let messages = stream::iter([message]);
        let mut answers = self.caller.call(self.path, &parts.headers, messages).await?;
        let answer = answers.next().await.unwrap_or_else(|| Ok(Bytes::new()))?;
        if let Some(after) = answers.next().await {
            after?;
        }
        let json = json::write(&self.method.output(), answer)?;
        let text = String::from_utf8(json).map_err(|error| Status::internal(error.to_string()))?;
        let mut response = crate::http::json(StatusCode::OK, text);
        response.headers_mut().insert(TOLD.0, TOLD.1);
        Ok(response)
    }

    async fn stream(mut self, request: Request) -> Result<Response, Status> {
        let (parts, body) = request.into_parts();
        let mut sent = Sent { body: body.into_data_stream().boxed(), values: Values::default() };
        let input = self.method.input();
        // Before the call begins, so that a first message that is none is answered as such.
        let first = match sent.next().await? {
            Some(first) => Some(json::read(&input, &first)?),
            None if self.method.is_client_streaming() => None,
            None => Some(Vec::new()),
        };
        let rest = match self.method.is_client_streaming() {
            true => sent.messages(input).boxed(),
            false => stream::empty().boxed(),
        };
        let messages = stream::iter(first).chain(rest);
        let answers = self.caller.call(self.path, &parts.headers, messages).await?;
        let lines = lines(answers, self.method.output());
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json")), TOLD];
        Ok((kind, Body::from_stream(lines)).into_response())
    }
}

/// Answers as lines; a failure is the last one.
fn lines(
    answers: Messages,
    output: prost_reflect::MessageDescriptor,
) -> BoxStream<'static, Result<Bytes, std::convert::Infallible>> {
    stream::unfold(Some((answers, output)), async |state| {
        let (mut answers, output) = state?;
        let line = answers.next().await?.and_then(|answer| line(&output, answer));
        Some(match line {
            Ok(line) => (Ok(line), Some((answers, output))),
            Err(status) => (Ok(broken(&status).into()), None),
        })
    })
    .boxed()
}

fn line(output: &prost_reflect::MessageDescriptor, answer: Bytes) -> Result<Bytes, Status> {
    let json = json::write(output, answer)?;
    Ok([&b"{\"result\":"[..], &json, b"}\n"].concat().into())
}

/// What a client sends, value by value.
struct Sent {
    body: BoxStream<'static, Result<Bytes, axum::Error>>,
    values: Values,
}

impl Sent {
    /// The next value; `None` when the client has sent its last.
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(value) = self.values.next()? {
                return Ok(Some(value));
            }
            if self.values.held() > MAX_VALUE_BYTES {
                return Err(Status::invalid_argument("the value is too large"));
            }
            match self.body.next().await {
                Some(Ok(piece)) => self.values.push(&piece),
                Some(Err(error)) => return Err(Status::cancelled(error.to_string())),
                None if self.values.is_empty() => return Ok(None),
                None => return Err(Status::invalid_argument("unexpected EOF")),
            }
        }
    }

    /// The values that follow as messages; one that cannot be read is the end of them.
    fn messages(
        self,
        input: prost_reflect::MessageDescriptor,
    ) -> impl futures::Stream<Item = Vec<u8>> + Send {
        stream::unfold((self, input), async |(mut sent, input)| {
            let value = sent.next().await.ok()??;
            let message = json::read(&input, &value).ok()?;
            Some((message, (sent, input)))
        })
    }
}
