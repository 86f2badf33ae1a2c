//! Where a log file ends, and which of the engine's messages it still lacks. Pure but for reading it.
//!
//! An engine cuts lines of more than [`PIECE`] bytes, and its driver `local` then loses the end of the
//! last piece. A line that was cut ends with its first shorter piece; the one that can be wrong is a
//! task's very last line, if it is that long and has no end.
//!
//! Messages of one stream come in the order of their stamps; the two streams are only roughly in order
//! with each other. So each has a cursor of its own: the last stamp in the file and how many messages
//! have it.

use crate::engine::Message;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// How far before the last stamp to ask again: more than two streams are ever out of order.
const OVERLAP_SECS: i64 = 2;

/// The length at which an engine cuts lines.
const PIECE: usize = 16 * 1024;

/// A place in one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    stamp: String,
    count: usize,
    /// The line there was cut and goes on.
    open: bool,
}

impl Place {
    /// Counts a message in.
    fn count(&mut self, stamp: &str) {
        if self.stamp == stamp {
            self.count += 1;
        } else {
            *self = Self { stamp: stamp.to_owned(), count: 1, open: self.open };
        }
    }
}

/// Places in both streams: standard output, standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor([Place; 2]);

impl Cursor {
    /// The end of a log file; a line that is torn is cut off.
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        let file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let (mut cursor, mut whole, mut line) = (Self::default(), 0, Vec::new());
        let mut reader = BufReader::new(&file);
        while reader.read_until(b'\n', &mut line)? > 0 {
            if line.ends_with(b"\n") {
                cursor.count(&line);
                whole += line.len();
            } else {
                file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
            }
            line.clear();
        }
        Ok(cursor)
    }

    /// Counts a line of the file in.
    fn count(&mut self, line: &[u8]) {
        let mut words = line.splitn(4, |byte| *byte == b' ');
        let (stamp, stream) = (words.next().unwrap_or_default(), words.next());
        let Ok(stamp) = std::str::from_utf8(stamp) else { return };
        let (tag, text) = (words.next(), words.next().unwrap_or_default());
        let stream = match stream {
            Some(b"stdout") => 0,
            Some(b"stderr") => 1,
            _ => return,
        };
        self.0[stream].count(stamp);
        // The line's own end is not part of the text.
        self.0[stream].open = tag == Some(b"P") && text.len() > PIECE;
    }

    /// A message as a line of the log.
    pub(crate) fn line(&mut self, message: &Message) -> Vec<u8> {
        let (place, stream) = match message.stderr {
            false => (&mut self.0[0], "stdout"),
            true => (&mut self.0[1], "stderr"),
        };
        let (ended, text) = match message.bytes.strip_suffix(b"\n") {
            Some(text) => (true, text),
            None => (false, &message.bytes[..]),
        };
        let full = ended || (place.open && text.len() < PIECE);
        place.open = !full && text.len() >= PIECE;
        let tag = if full { "F" } else { "P" };
        let mut line = format!("{} {stream} {tag} ", message.stamp).into_bytes();
        line.extend_from_slice(text);
        line.push(b'\n');
        line
    }

    /// Since when to ask the engine, as wall time in seconds; zero for all it has.
    pub(crate) fn since_secs(&self) -> i64 {
        let latest = self.0.iter().map(|place| place.stamp.as_str()).max().unwrap_or_default();
        let millis = crate::engine::stamp_millis(latest);
        (millis / 1000 - OVERLAP_SECS).max(0)
    }
}

/// One reading of the engine's messages from some time on.
#[derive(Debug, Default)]
pub(crate) struct Reading(Cursor);

impl Reading {
    /// Whether the file lacks this message, which it then counts as having.
    pub(crate) fn is_new(&mut self, file: &mut Cursor, message: &Message) -> bool {
        let stream = usize::from(message.stderr);
        let (seen, kept) = (&mut self.0.0[stream], &mut file.0[stream]);
        seen.count(&message.stamp);
        let new = match message.stamp.cmp(&kept.stamp) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => seen.count > kept.count,
            std::cmp::Ordering::Greater => true,
        };
        if new {
            kept.count(&message.stamp);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn message(stderr: bool, second: u32, text: &'static str) -> Message {
        let stamp = format!("2026-01-01T00:00:{second:02}.000000000Z");
        Message { stderr, stamp, bytes: text.into() }
    }

    fn whole(all: &[Message]) -> Vec<u8> {
        let mut cursor = Cursor::default();
        all.iter().flat_map(|message| cursor.line(message)).collect()
    }

    /// What a reading adds to a file that has been cut anywhere.
    fn complete(all: &[Message], cut: usize) -> Vec<u8> {
        let lines = whole(all);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, &lines[..cut]).unwrap();
        let mut cursor = Cursor::of_file(&path).unwrap();
        let mut file = fs::read(&path).unwrap();
        let mut reading = Reading::default();
        for message in all {
            if reading.is_new(&mut cursor, message) {
                file.extend(cursor.line(message));
            }
        }
        file
    }

    #[test]
    fn a_file_that_was_cut_anywhere_is_completed_without_loss_or_repetition() {
        let all = [
            message(false, 1, "one\n"),
            message(false, 1, "two\n"),
            message(true, 1, "three\n"),
            message(false, 1, "four\n"),
            message(false, 2, "torn"),
            message(false, 3, "\n"),
            message(true, 3, "six\n"),
        ];
        let whole = whole(&all);
        for cut in 0..=whole.len() {
            assert_eq!(complete(&all, cut), whole, "cut at {cut}");
        }
    }

    #[test]
    fn two_readings_at_once_write_every_message_once() {
        let all = [message(false, 1, "a\n"), message(false, 1, "b\n"), message(false, 2, "c\n")];
        let (mut file, mut one, mut two) =
            (Cursor::default(), Reading::default(), Reading::default());
        let mut written = Vec::new();
        for message in &all {
            for reading in [&mut one, &mut two] {
                if reading.is_new(&mut file, message) {
                    written.push(message.bytes.clone());
                }
            }
        }
        assert_eq!(written, ["a\n", "b\n", "c\n"]);
    }

    #[test]
    fn asking_again_begins_before_the_last_stamp() {
        assert_eq!(Cursor::default().since_secs(), 0);
        let mut cursor = Cursor::default();
        cursor.count(&whole(&[message(true, 30, "x\n")]));
        assert_eq!(cursor.since_secs(), 1_767_225_600 + 28);
    }

    #[test]
    fn a_line_that_was_cut_ends_with_its_first_shorter_piece() {
        let long: &'static str = Box::leak("x".repeat(PIECE).into_boxed_str());
        let all = [message(false, 1, long), message(false, 1, long), message(false, 2, "end")];
        let tags = |all: &[Message]| -> Vec<char> {
            let text = String::from_utf8(whole(all)).unwrap();
            text.lines().filter_map(|line| line.chars().nth(38)).collect()
        };
        assert_eq!(tags(&all), ['P', 'P', 'F']);
        assert_eq!(tags(&all[2..]), ['P'], "a short line without end is one");
        // Also after a restart in the middle of it.
        let cut = whole(&all[..2]).len();
        assert_eq!(complete(&all, cut), whole(&all));
    }
}
