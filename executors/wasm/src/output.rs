//! A guest's output, as lines of its log file.
//!
//! The file is opened for each piece of output: a node of thousands of guests does not run out of
//! descriptors, and a log that was moved away is begun anew.
//!
//! Invariant: time stamps do not go back within a file, whichever stream a line is of.

use bytes::Bytes;
use quorate_executor::{CriLines, LogFile, rfc3339};
use quorate_seams::SharedClock;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Most bytes that a guest may write at a time.
const PIECE: usize = 64 << 10;

/// Which stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    Stdout,
    Stderr,
}

/// The log of one task.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    lines: Mutex<[CriLines; 2]>,
    clock: SharedClock,
}

impl Output {
    /// The output into a file, which is made if need be.
    ///
    /// # Errors
    /// It cannot be opened for writing.
    pub(crate) fn open(path: PathBuf, clock: SharedClock) -> io::Result<Arc<Self>> {
        LogFile::open(&path)?;
        let lines = Mutex::new([CriLines::new("stdout"), CriLines::new("stderr")]);
        Ok(Arc::new(Self { path, lines, clock }))
    }

    pub(crate) fn stream(self: &Arc<Self>, name: Name) -> Stream {
        Stream { output: Arc::clone(self), name }
    }

    fn write(&self, name: Name, bytes: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (stamp, mut out) = (rfc3339(self.clock.wall().0), Vec::new());
        lines[name as usize].push(bytes, &stamp, &mut out);
        self.append(&out);
    }

    /// The guest is gone: what is left are lines without an end.
    pub(crate) fn finish(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let (stamp, mut out) = (rfc3339(self.clock.wall().0), Vec::new());
        for lines in lines.iter_mut() {
            lines.finish(&stamp, &mut out);
        }
        self.append(&out);
    }

    fn append(&self, lines: &[u8]) {
        if !lines.is_empty() {
            // What the disk does not take is lost: a full disk must not stop a task.
            let _ = LogFile::open(&self.path).and_then(|file| file.append(lines));
        }
    }
}

/// One stream of a task.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    output: Arc<Output>,
    name: Name,
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.output.write(self.name, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIECE)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.output.write(self.name, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
