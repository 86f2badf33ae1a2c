//! Answers: status, headers and body.

use crate::failure::Failure;
use crate::media::Encoding;
use bytes::Bytes;
use futures::Stream;
use futures::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WARNING};
use hyper::{Response, StatusCode};
use quorate_resources::{Error, Registry};
use serde::Serialize;
use serde_json::Value;
use std::convert::Infallible;

/// The body of an answer.
pub type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// An answer in the making.
pub(crate) type Reply = Response<ResponseBody>;

fn with(code: u16, media_type: &'static str, body: ResponseBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let cache = HeaderName::from_static("cache-control");
    reply.headers_mut().insert(cache, HeaderValue::from_static("no-cache, private"));
    reply
}

/// Plain text.
pub(crate) fn text(code: u16, text: impl Into<Bytes>) -> Reply {
    with(code, "text/plain; charset=utf-8", Full::new(text.into()).boxed_unsync())
}

/// Bytes of a media type.
pub(crate) fn bytes(media_type: &'static str, bytes: Bytes) -> Reply {
    with(200, media_type, Full::new(bytes).boxed_unsync())
}

/// A value. YAML is JSON, so that it is written as such and read as either.
pub(crate) fn value(code: u16, value: &Value, encoding: Encoding) -> Reply {
    let mut text = value.to_string().into_bytes();
    text.push(b'\n');
    written(code, text, encoding)
}

/// Anything that can be written as JSON, without a detour through values.
pub(crate) fn direct<T: Serialize>(
    code: u16,
    content: &T,
    encoding: Encoding,
) -> Result<Reply, Failure> {
    Ok(written(code, line(content)?, encoding))
}

/// One line of JSON.
pub(crate) fn line<T: Serialize>(content: &T) -> Result<Vec<u8>, Failure> {
    let mut text = serde_json::to_vec(content).map_err(|error| {
        Failure::Objects(Error::Malformed {
            what: "the answer".to_owned(),
            message: error.to_string(),
        })
    })?;
    text.push(b'\n');
    Ok(text)
}

fn written(code: u16, text: Vec<u8>, encoding: Encoding) -> Reply {
    let media_type = match encoding {
        Encoding::Json => "application/json",
        Encoding::Yaml => "application/yaml",
    };
    with(code, media_type, Full::new(text.into()).boxed_unsync())
}

/// Values as they come, one per line.
pub(crate) fn stream(lines: impl Stream<Item = Bytes> + Send + 'static) -> Reply {
    let frames = lines.map(|line| Ok(Frame::data(line)));
    with(200, "application/json", StreamBody::new(frames).boxed_unsync())
}

/// Plain text as it comes.
pub(crate) fn text_stream(parts: impl Stream<Item = Bytes> + Send + 'static) -> Reply {
    let frames = parts.map(|part| Ok(Frame::data(part)));
    with(200, "text/plain; charset=utf-8", StreamBody::new(frames).boxed_unsync())
}

/// A failure.
pub(crate) fn failure(failure: &Failure, registry: &Registry) -> Reply {
    let status = failure.status(registry);
    let mut reply = value(failure.code(), &status, Encoding::Json);
    if let Some(seconds) = status.pointer("/details/retryAfterSeconds").and_then(Value::as_u64) {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

/// Adds warnings for the person behind the client.
pub(crate) fn warn(mut reply: Reply, warnings: &[String]) -> Reply {
    for text in warnings {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            reply.headers_mut().append(WARNING, value);
        }
    }
    reply
}
