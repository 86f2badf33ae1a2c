//! From a task's pipes to its log file, in the CRI log format.
//!
//! Invariant: a task that writes faster than the disk takes it waits, since the pipe is read no
//! faster.

use super::setup::complain;
use quorate_executor::CriLines;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Most bytes taken from one pipe before the others get their turn: a pipe's usual capacity.
const TURN: usize = 64 * 1024;

/// A task's log file.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    failed: bool,
}

impl Log {
    /// Opens a log for appending; its directory is made if need be.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let open = || OpenOptions::new().create(true).append(true).open(path);
        let file = match (open(), path.parent()) {
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(parent)?;
                open()?
            }
            (opened, _) => opened?,
        };
        Ok(Self { file, failed: false })
    }

    /// A disk that takes nothing must not stop the task: the output is lost then, and the first loss
    /// is told.
    fn append(&mut self, bytes: &[u8]) {
        match self.file.write_all(bytes) {
            Ok(()) => self.failed = false,
            Err(error) => {
                if !self.failed {
                    complain(&format!("output is being lost: {error}"));
                }
                self.failed = true;
            }
        }
    }
}

/// What a turn of a pump left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// There may be more, now or later.
    Open,
    /// Nothing to read now.
    Dry,
    /// Nobody can write any more.
    Ended,
}

/// One output stream of a task.
#[derive(Debug)]
pub(super) struct Pump {
    pub(super) pipe: File,
    lines: CriLines,
}

impl Pump {
    /// A pump over the reading end of a pipe, which does not block.
    pub(super) fn new(pipe: File, stream: &'static str) -> Self {
        Self { pipe, lines: CriLines::new(stream) }
    }

    /// Moves what is there, up to a turn's share.
    pub(super) fn turn(&mut self, log: &mut Log, stamp: &str) -> Flow {
        let mut buffer = [0; TURN];
        let mut out = Vec::new();
        let flow = match self.pipe.read(&mut buffer) {
            Ok(0) => {
                self.lines.finish(stamp, &mut out);
                Flow::Ended
            }
            Ok(length) => {
                self.lines.push(&buffer[..length], stamp, &mut out);
                Flow::Open
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Flow::Open,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Flow::Dry,
            Err(_) => Flow::Ended,
        };
        if !out.is_empty() {
            log.append(&out);
        }
        flow
    }

    /// Moves what the pipe can hold and closes the line: the task and all its descendants are dead.
    /// The bound matters only if a stranger holds the other end and goes on writing.
    pub(super) fn drain(&mut self, log: &mut Log, stamp: &str) {
        let mut left = rustix::pipe::fcntl_getpipe_size(&self.pipe).unwrap_or(TURN);
        while left > 0 {
            match self.turn(log, stamp) {
                Flow::Open => left = left.saturating_sub(1024),
                Flow::Dry => break,
                Flow::Ended => return,
            }
        }
        let mut out = Vec::new();
        self.lines.finish(stamp, &mut out);
        log.append(&out);
    }
}
