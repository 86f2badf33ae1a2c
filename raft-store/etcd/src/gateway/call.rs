//! A call in the same process from outside protobuf: bytes of messages in, bytes of messages out.

use crate::calls::Calls;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use tonic::service::Routes;
use tonic::{Code, Status};

/// Bytes before each message on the wire.
const PREFIX: usize = 5;
/// Headers with this before their names are passed on without it (etcd's rule).
const PASSED_ON: &str = "grpc-metadata-";
/// Headers that are passed on as they are.
const KEPT: [&str; 2] = ["authorization", "grpc-timeout"];

/// What calls are made of, and to.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) calls: Calls<Routes>,
    /// For so many calls at a time.
    pub(super) room: Arc<Semaphore>,
}

/// Messages that answer a call.
pub(super) struct Messages {
    body: crate::calls::ResponseBody,
    bytes: BytesMut,
    ready: VecDeque<Bytes>,
    over: bool,
    /// Its place among the calls, until it is over.
    _place: Option<OwnedSemaphorePermit>,
}

impl Caller {
    /// Calls a method with a stream of encoded messages.
    pub(super) async fn call(
        &mut self,
        path: &str,
        headers: &HeaderMap,
        messages: impl Stream<Item = Vec<u8>> + Send + 'static,
    ) -> Result<Messages, Status> {
        // It is closed by nobody.
        let place = Arc::clone(&self.room).acquire_owned().await.ok();
        let frames = messages.map(|message| Ok::<_, Status>(Frame::data(framed(&message))));
        let mut request = Request::post(uri(path)?)
            .body(Body::new(StreamBody::new(frames)))
            .map_err(|error| Status::internal(error.to_string()))?;
        *request.headers_mut() = metadata(headers);
        let Ok(response) = self.calls.call(request).await;
        if let Some(failed) = Status::from_header_map(response.headers())
            && failed.code() != Code::Ok
        {
            return Err(failed);
        }
        Ok(Messages {
            body: response.into_body(),
            bytes: BytesMut::new(),
            ready: VecDeque::new(),
            over: false,
            _place: place,
        })
    }
}

impl Messages {
    /// The next message; `None` after the last one of a call that went well.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(Ok(message));
            }
            if self.over {
                return None;
            }
            match self.body.frame().await {
                None => self.over = true,
                Some(Err(status)) => {
                    self.over = true;
                    return Some(Err(status));
                }
                Some(Ok(frame)) => {
                    let failed = frame.trailers_ref().and_then(Status::from_header_map);
                    if let Some(failed) = failed.filter(|status| status.code() != Code::Ok) {
                        self.over = true;
                        return Some(Err(failed));
                    }
                    if let Ok(data) = frame.into_data() {
                        self.bytes.extend_from_slice(&data);
                        self.cut();
                    }
                }
            }
        }
    }

    fn cut(&mut self) {
        while let Some(length) = self.bytes.get(1..PREFIX).map(|mut length| length.get_u32()) {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if self.bytes.len() - PREFIX < length {
                return;
            }
            self.bytes.advance(PREFIX);
            self.ready.push_back(self.bytes.split_to(length).freeze());
        }
    }
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    // No body that is read is longer.
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

fn uri(path: &str) -> Result<Uri, Status> {
    let uri = Uri::builder().path_and_query(format!("/{path}")).build();
    uri.map_err(|error| Status::internal(error.to_string()))
}

/// The metadata that a request over HTTP carries.
fn metadata(headers: &HeaderMap) -> HeaderMap {
    let mut metadata = HeaderMap::new();
    metadata.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    metadata.insert(header::TE, HeaderValue::from_static("trailers"));
    for (name, value) in headers {
        let passed = name.as_str().strip_prefix(PASSED_ON);
        let passed = passed.and_then(|rest| HeaderName::from_bytes(rest.as_bytes()).ok());
        let kept = KEPT.contains(&name.as_str()).then(|| name.clone());
        if let Some(name) = passed.or(kept)
            && name != header::CONTENT_TYPE
            && name != header::TE
        {
            metadata.append(name, value.clone());
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_metadata_are_passed_on_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "token.7"),
            ("grpc-metadata-hasleader", "true"),
            ("grpc-metadata-te", "gzip"),
            ("cookie", "x"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let metadata = metadata(&headers);
        assert_eq!(metadata.len(), 4);
        assert_eq!(metadata["authorization"], "token.7");
        assert_eq!(metadata["hasleader"], "true");
        assert_eq!(metadata["te"], "trailers");
    }
}
