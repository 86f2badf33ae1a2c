//! One HTTP/2 connection of a client, without input and output: bytes in, bytes out.
//!
//! Taken for granted: answers fit the windows that are opened at the start, requests on one stream
//! fit the window that every server opens (64 KiB, or what it has read). Headers of answers are not
//! looked at: a call has succeeded if it was answered with a message.

use super::calls::Method;
use super::headers::Headers;
use crate::store::Failure;
use std::collections::VecDeque;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

const FRAME_HEAD: usize = 9;
/// Largest frame that every peer takes.
const FRAME_BYTES: usize = 16 * 1024;
/// Windows of HTTP/2 end here.
const LARGEST_WINDOW: u32 = 0x7fff_ffff;
/// What a window is before anybody says otherwise.
const FIRST_WINDOW: u32 = 65_535;
/// Bytes received after which the window of the connection is opened again.
const GIVE_BACK: u32 = 1 << 28;

/// What arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen<'a> {
    /// Bytes of messages of a stream.
    Data { stream: u32, bytes: &'a [u8], end: bool },
    /// The stream is over; no bytes came with it.
    End { stream: u32 },
}

#[derive(Debug)]
pub(crate) struct Connection {
    headers: Headers,
    /// To be written.
    pub(crate) out: Vec<u8>,
    /// Read and not looked at yet, from `at` on.
    pub(crate) input: Vec<u8>,
    at: usize,
    next_stream: u32,
    /// Bytes of messages that the server still takes.
    window: i64,
    /// Frames with messages that wait for it.
    held: VecDeque<Vec<u8>>,
    received: u32,
}

impl Connection {
    /// A connection whose first bytes wait to be written.
    pub(crate) fn new(authority: String) -> Self {
        let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut settings = Vec::new();
        // No pushes, and streams as wide as can be.
        for (name, value) in [(2_u16, 0_u32), (4, LARGEST_WINDOW)] {
            settings.extend_from_slice(&name.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        head(&mut out, settings.len(), SETTINGS, 0, 0);
        out.extend_from_slice(&settings);
        head(&mut out, 4, WINDOW_UPDATE, 0, 0);
        out.extend_from_slice(&(LARGEST_WINDOW - FIRST_WINDOW).to_be_bytes());
        Self {
            headers: Headers::new(authority),
            out,
            input: Vec::new(),
            at: 0,
            next_stream: 1,
            window: i64::from(FIRST_WINDOW),
            held: VecDeque::new(),
            received: 0,
        }
    }

    /// Opens a stream with its first message; `last` if there will be no other.
    pub(crate) fn call(&mut self, method: Method, message: &[u8], last: bool) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let start = self.out.len();
        head(&mut self.out, 0, HEADERS, END_HEADERS, stream);
        self.headers.append(method, &mut self.out);
        let bytes = self.out.len() - start - FRAME_HEAD;
        self.out[start + 2] = u8::try_from(bytes).unwrap_or(u8::MAX);
        self.send(stream, message, last);
        stream
    }

    /// Sends a message on an open stream.
    pub(crate) fn send(&mut self, stream: u32, message: &[u8], last: bool) {
        let mut prefix = [0; 5];
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        prefix[1..].copy_from_slice(&length.to_be_bytes());
        let end = if last { END_STREAM } else { 0 };
        if message.len() + prefix.len() <= FRAME_BYTES {
            self.data(stream, &prefix, message, end);
            return;
        }
        self.data(stream, &prefix, &[], 0);
        let mut left = message.chunks(FRAME_BYTES).peekable();
        while let Some(chunk) = left.next() {
            self.data(stream, &[], chunk, if left.peek().is_none() { end } else { 0 });
        }
    }

    fn data(&mut self, stream: u32, prefix: &[u8], bytes: &[u8], flags: u8) {
        let length = prefix.len() + bytes.len();
        let cost = i64::try_from(length).unwrap_or(i64::MAX);
        if self.held.is_empty() && self.window >= cost {
            self.window -= cost;
            append_data(&mut self.out, stream, prefix, bytes, flags);
        } else {
            let mut frame = Vec::with_capacity(FRAME_HEAD + length);
            append_data(&mut frame, stream, prefix, bytes, flags);
            self.held.push_back(frame);
        }
    }

    /// Looks at the next frame that has arrived in full and concerns a stream.
    pub(crate) fn next(&mut self) -> Result<Option<Seen<'_>>, Failure> {
        loop {
            let left = &self.input[self.at..];
            let Some(frame) = Frame::read(left) else {
                self.input.drain(..self.at);
                self.at = 0;
                return Ok(None);
            };
            let start = self.at + FRAME_HEAD;
            let payload = start..start + frame.length;
            if left.len() < FRAME_HEAD + frame.length {
                self.input.drain(..self.at);
                self.at = 0;
                return Ok(None);
            }
            self.at = payload.end;
            let end = frame.flags & END_STREAM != 0;
            match frame.kind {
                DATA => {
                    self.give_back(frame.length);
                    let bytes = &self.input[payload];
                    return Ok(Some(Seen::Data { stream: frame.stream, bytes, end }));
                }
                HEADERS if end => return Ok(Some(Seen::End { stream: frame.stream })),
                RST_STREAM | GOAWAY => {
                    let payload = &self.input[payload];
                    return Err(format!("the server gave up: frame {frame:?} {payload:?}").into());
                }
                _ => self.settle(frame, payload),
            }
        }
    }

    /// Answers what concerns the connection.
    fn settle(&mut self, frame: Frame, payload: std::ops::Range<usize>) {
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => head(&mut self.out, 0, SETTINGS, ACK, 0),
            PING if frame.flags & ACK == 0 => {
                head(&mut self.out, frame.length, PING, ACK, 0);
                self.out.extend_from_slice(&self.input[payload]);
            }
            WINDOW_UPDATE if frame.stream == 0 => {
                let bytes = self.input[payload].try_into().unwrap_or([0; 4]);
                self.window += i64::from(u32::from_be_bytes(bytes));
                self.release();
            }
            _ => {}
        }
    }

    fn release(&mut self) {
        while let Some(frame) = self.held.front() {
            let cost = i64::try_from(frame.len() - FRAME_HEAD).unwrap_or(i64::MAX);
            if self.window < cost {
                return;
            }
            self.window -= cost;
            self.out.extend_from_slice(frame);
            self.held.pop_front();
        }
    }

    fn give_back(&mut self, bytes: usize) {
        self.received += u32::try_from(bytes).unwrap_or(0);
        if self.received >= GIVE_BACK {
            head(&mut self.out, 4, WINDOW_UPDATE, 0, 0);
            self.out.extend_from_slice(&self.received.to_be_bytes());
            self.received = 0;
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, rest @ ..] = bytes.first_chunk::<FRAME_HEAD>()?;
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let stream = u32::from_be_bytes(*rest) & LARGEST_WINDOW;
        Some(Self { length, kind: *kind, flags: *flags, stream })
    }
}

fn head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&[length[1], length[2], length[3], kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

fn append_data(out: &mut Vec<u8>, stream: u32, prefix: &[u8], bytes: &[u8], flags: u8) {
    head(out, prefix.len() + bytes.len(), DATA, flags, stream);
    out.extend_from_slice(prefix);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let mut connection = Connection::new("localhost".to_owned());
        connection.out.clear();
        connection
    }

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        head(&mut bytes, payload.len(), kind, flags, stream);
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_are_seen_once_they_are_whole() {
        let mut connection = connection();
        let mut bytes = frame(SETTINGS, 0, 0, &[]);
        bytes.extend(frame(DATA, 0, 1, b"abc"));
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"trailers"));
        let (early, late) = bytes.split_at(bytes.len() - 3);
        connection.input.extend_from_slice(early);
        let seen = Seen::Data { stream: 1, bytes: b"abc", end: false };
        assert_eq!(connection.next().unwrap(), Some(seen));
        assert_eq!(connection.next().unwrap(), None);
        connection.input.extend_from_slice(late);
        assert_eq!(connection.next().unwrap(), Some(Seen::End { stream: 1 }));
        assert_eq!(connection.next().unwrap(), None);
        assert_eq!(connection.out, frame(SETTINGS, ACK, 0, &[]));
        connection.input.extend(frame(GOAWAY, 0, 0, &[0; 8]));
        assert!(connection.next().is_err());
    }

    #[test]
    fn messages_wait_for_the_window_in_their_order() {
        let mut connection = connection();
        connection.window = 20;
        connection.call(Method::Put, &[7; 16], true);
        connection.call(Method::Put, &[], true);
        assert_eq!(connection.held.len(), 2);
        connection.input.extend(frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]));
        assert_eq!(connection.next().unwrap(), None);
        assert_eq!(connection.held.len(), 1);
        connection.input.extend(frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 5]));
        assert_eq!(connection.next().unwrap(), None);
        assert_eq!((connection.held.len(), connection.window), (0, 0));
        assert!(connection.out.ends_with(&frame(DATA, END_STREAM, 3, &[0; 5])));
    }
}
