//! From a task's pipes to its log file, in the CRI log format.
//!
//! Invariants: bytes are never held longer than until their line ends or [`MAX_LINE`] is reached;
//! a task that writes faster than the disk takes it waits, since the pipe is read no faster.

use super::setup::complain;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Longest text of one log line; longer lines are cut into partial ones.
const MAX_LINE: usize = 16 * 1024;

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
    lines: Lines,
}

impl Pump {
    /// A pump over the reading end of a pipe, which does not block.
    pub(super) fn new(pipe: File, stream: &'static str) -> Self {
        Self { pipe, lines: Lines { stream, pending: Vec::new() } }
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

/// Cuts a stream of bytes into log lines.
#[derive(Debug)]
struct Lines {
    stream: &'static str,
    pending: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8], stamp: &str, out: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    self.extend(end, stamp, out);
                    self.emit("F", stamp, out);
                }
                None => self.extend(piece, stamp, out),
            }
        }
    }

    /// The stream has ended: what is left is a line without an end.
    fn finish(&mut self, stamp: &str, out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            self.emit("P", stamp, out);
        }
    }

    fn extend(&mut self, mut text: &[u8], stamp: &str, out: &mut Vec<u8>) {
        while self.pending.len() + text.len() > MAX_LINE {
            let (head, rest) = text.split_at(MAX_LINE - self.pending.len());
            self.pending.extend_from_slice(head);
            self.emit("P", stamp, out);
            text = rest;
        }
        self.pending.extend_from_slice(text);
    }

    fn emit(&mut self, tag: &str, stamp: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{stamp} {} {tag} ", self.stream).as_bytes());
        out.append(&mut self.pending);
        out.push(b'\n');
    }
}

/// Wall time as RFC 3339 with nanoseconds, in UTC.
pub(super) fn rfc3339(since_epoch: std::time::Duration) -> String {
    let (days, second) = (since_epoch.as_secs() / 86_400, since_epoch.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let nanos = since_epoch.subsec_nanos();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of a number of days since 1970-01-01. Years begin in March here, so that the
/// leap day is the last, and eras have 400 of them.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn cut(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines { stream: "stdout", pending: Vec::new() };
        let mut out = Vec::new();
        for chunk in chunks {
            lines.push(chunk, "T", &mut out);
        }
        lines.finish("T", &mut out);
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_whole_however_the_bytes_arrive() {
        let whole = ["T stdout F one", "T stdout F ", "T stdout F two"];
        assert_eq!(cut(&[b"one\n\ntwo\n"]), whole);
        assert_eq!(cut(&[b"on", b"e", b"\n", b"\ntw", b"o\n"]), whole);
    }

    #[test]
    fn a_line_without_end_is_partial() {
        assert_eq!(cut(&[b"one\ntw", b"o"]), ["T stdout F one", "T stdout P two"]);
    }

    #[test]
    fn a_long_line_is_cut_into_partial_ones_and_loses_nothing() {
        let long = vec![b'x'; MAX_LINE * 2 + 5];
        let lines = cut(&[&long, b"\n"]);
        let tags: Vec<_> = lines.iter().map(|line| &line[9..10]).collect();
        assert_eq!(tags, ["P", "P", "F"]);
        let text: usize = lines.iter().map(|line| line.len() - "T stdout F ".len()).sum();
        assert_eq!(text, long.len());
    }

    #[test]
    fn time_stamps_know_leap_years() {
        let at = |secs, nanos| rfc3339(Duration::new(secs, nanos));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at(951_782_400, 5), "2000-02-29T00:00:00.000000005Z");
        assert_eq!(at(1_709_251_199, 0), "2024-02-29T23:59:59.000000000Z");
        assert_eq!(at(1_735_689_600, 0), "2025-01-01T00:00:00.000000000Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00.000000000Z");
    }
}
