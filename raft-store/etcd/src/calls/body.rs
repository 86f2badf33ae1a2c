//! Bodies that count what passes through them.

use super::entry::Entry;
use super::frames::Frames;
use super::ledger::Ledger;
use super::rules::Leash;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};

type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

/// What a caller sends.
#[derive(Debug)]
pub(crate) struct RequestBody {
    inner: Body,
    counted: Option<(Arc<Ledger>, usize)>,
    frames: Frames,
}

impl RequestBody {
    pub(super) fn unknown(inner: Body) -> Self {
        Self { inner, counted: None, frames: Frames::default() }
    }

    pub(super) fn counted(inner: Body, ledger: Arc<Ledger>, method: usize) -> Self {
        Self { inner, counted: Some((ledger, method)), frames: Frames::default() }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        let Self { counted, frames, .. } = &mut *self;
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let (Some(data), Some((ledger, method))) = (frame.data_ref(), counted)
        {
            let found = frames.pass(data);
            ledger.method(*method).received.fetch_add(found.messages, Ordering::Relaxed);
            ledger.received_bytes.fetch_add(found.bytes, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What a caller is sent.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    inner: Body,
    /// The call, until it has ended.
    entry: Option<Entry>,
    leash: Option<Leash>,
    frames: Frames,
    over: bool,
}

impl ResponseBody {
    pub(super) fn unknown(inner: Body) -> Self {
        Self { inner, entry: None, leash: None, frames: Frames::default(), over: false }
    }

    pub(super) fn counted(inner: Body, entry: Entry, leash: Option<Leash>) -> Self {
        Self { inner, entry: Some(entry), leash, frames: Frames::default(), over: false }
    }

    /// Ends the stream from here.
    fn cut(&mut self, status: &Status) -> Polled {
        self.over = true;
        self.inner = Body::empty();
        if let Some(entry) = self.entry.take() {
            entry.end(status.code());
        }
        let mut trailers = HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn count(&mut self, polled: &Polled) {
        match polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(entry)) = (frame.data_ref(), &self.entry) {
                    let found = self.frames.pass(data);
                    entry.sent(found.messages, found.bytes);
                }
                if let Some(trailers) = frame.trailers_ref()
                    && let Some(entry) = self.entry.take()
                {
                    let status = Status::from_header_map(trailers);
                    entry.end(status.map_or(Code::Ok, |status| status.code()));
                }
            }
            Poll::Ready(Some(Err(status))) => {
                if let Some(entry) = self.entry.take() {
                    entry.end(status.code());
                }
            }
            Poll::Ready(None) => {
                if let Some(entry) = self.entry.take() {
                    entry.end(Code::Ok);
                }
            }
        }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        if self.over {
            return Poll::Ready(None);
        }
        if let Some(leash) = &mut self.leash
            && let Poll::Ready(status) = leash.poll(cx)
        {
            return self.cut(&status);
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        self.count(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.over || (self.leash.is_none() && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.leash.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}
