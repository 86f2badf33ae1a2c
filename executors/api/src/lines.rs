//! From bytes of output to lines of a log file, in the CRI log format.
//!
//! Place: for every executor that writes [`crate::TaskSpec::log_path`] itself. Pure: whoever calls
//! reads the bytes, knows the time and writes the file.
//!
//! Invariant: bytes are never held longer than until their line ends or [`MAX_LINE`] is reached, and
//! none is lost: what was pushed is what the lines hold.

use std::time::Duration;

/// Longest text of one log line; longer lines are cut into partial ones.
pub const MAX_LINE: usize = 16 * 1024;

/// Cuts one output stream of a task into log lines.
///
/// ```
/// use quorate_executor::CriLines;
/// let (mut lines, mut out) = (CriLines::new("stdout"), Vec::new());
/// lines.push(b"one\ntw", "T", &mut out);
/// lines.finish("T", &mut out);
/// assert_eq!(out, b"T stdout F one\nT stdout P tw\n");
/// ```
#[derive(Debug)]
pub struct CriLines {
    stream: &'static str,
    pending: Vec<u8>,
}

impl CriLines {
    /// The lines of a stream: `stdout` or `stderr`.
    #[must_use]
    pub fn new(stream: &'static str) -> Self {
        Self { stream, pending: Vec::new() }
    }

    /// Appends to `out` every line that these bytes complete.
    pub fn push(&mut self, bytes: &[u8], stamp: &str, out: &mut Vec<u8>) {
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
    pub fn finish(&mut self, stamp: &str, out: &mut Vec<u8>) {
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

/// Wall time, given since the Unix epoch, as RFC 3339 with nanoseconds in UTC: a line's time stamp.
#[must_use]
pub fn rfc3339(since_epoch: Duration) -> String {
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

    fn cut(chunks: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut out) = (CriLines::new("stdout"), Vec::new());
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
