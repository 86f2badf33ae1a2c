//! Clients of gRPC that send a whole URL where HTTP/2 wants a host: `etcdctl` up to 3.4 does, and etcd
//! takes it. HTTP/2 libraries refuse the request before anybody sees it, so the bytes are mended on
//! their way: the authority, which nothing looks at, becomes a plain name.
//!
//! Invariants: only the first headers of a connection are looked at, all later ones name them by index;
//! everything else passes as it came and at once, but for a frame that is not whole yet. What is not
//! understood is left alone.

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
/// No larger first headers are held back.
const MOST: usize = 64 * 1024;
/// Index of `:authority` in HPACK's static table.
const AUTHORITY: usize = 1;
/// What it becomes: nine bytes as they are.
const PLAIN: &[u8] = b"\x09localhost";
/// How URLs begin.
const URLS: [&str; 4] = ["http://", "https://", "unix://", "unixs://"];
/// HPACK's codes of the letters in them: bits and their number (RFC 7541, appendix B).
const CODES: [(u8, u8, u8); 10] = [
    (b'/', 0b01_1000, 6),
    (b':', 0b101_1100, 7),
    (b'h', 0b10_0111, 6),
    (b'i', 0b0_0110, 5),
    (b'n', 0b10_1010, 6),
    (b'p', 0b10_1011, 6),
    (b's', 0b0_1000, 5),
    (b't', 0b0_1001, 5),
    (b'u', 0b10_1101, 6),
    (b'x', 0b111_1001, 7),
];

/// Looks at the beginning of a connection.
#[derive(Debug, Default)]
pub(crate) struct Mender {
    held: Vec<u8>,
    begun: bool,
    done: bool,
}

impl Mender {
    /// Whether everything passes from now on.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Takes bytes that were read, gives those that may pass.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut out = Vec::new();
        if !self.begun {
            let known = self.held.len().min(PREFACE.len());
            if self.held[..known] != PREFACE[..known] {
                return self.release(out);
            }
            if known < PREFACE.len() {
                return out;
            }
            out.extend(self.held.drain(..known));
            self.begun = true;
        }
        while let Some(length) = self.frame_length() {
            if length > MOST {
                return self.release(out);
            }
            if self.held.len() < length {
                return out;
            }
            let frame: Vec<u8> = self.held.drain(..length).collect();
            if frame[3] == HEADERS {
                out.extend(mend(&frame).unwrap_or(frame));
                return self.release(out);
            }
            out.extend(frame);
        }
        out
    }

    /// Everything that was held back, at the end of the connection or of the task.
    pub(crate) fn release(&mut self, mut out: Vec<u8>) -> Vec<u8> {
        self.done = true;
        out.append(&mut self.held);
        out
    }

    fn frame_length(&self) -> Option<usize> {
        let head = self.held.get(..FRAME_HEADER)?;
        let payload = head[..3].iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        Some(FRAME_HEADER + payload)
    }
}

/// The frame with a plain authority; `None` if it has one or is not understood.
fn mend(frame: &[u8]) -> Option<Vec<u8>> {
    let flags = frame[4];
    let mut at = FRAME_HEADER + usize::from(flags & PADDED != 0);
    at += if flags & PRIORITY != 0 { 5 } else { 0 };
    let (start, end) = authority(frame, at)?;
    let value = frame.get(start..end)?;
    if !is_url(value) {
        return None;
    }
    let payload = frame.len() - FRAME_HEADER - value.len() + PLAIN.len();
    let length = u32::try_from(payload).ok()?.to_be_bytes();
    Some([&length[1..], &frame[3..start], PLAIN, &frame[end..]].concat())
}

/// Where the literal of the authority's value is, its length included.
fn authority(frame: &[u8], mut at: usize) -> Option<(usize, usize)> {
    loop {
        let first = *frame.get(at)?;
        // Indexed; with a literal that is indexed; change of the table's size; other literals.
        let bits = match first {
            0x80.. => 7,
            0x40.. => 6,
            0x20.. => 5,
            _ => 4,
        };
        let (index, next) = number(frame, at, bits)?;
        at = next;
        if first >= 0x80 || (0x20..0x40).contains(&first) {
            continue;
        }
        if index == 0 {
            at = string(frame, at)?;
        }
        let end = string(frame, at)?;
        if index == AUTHORITY {
            return Some((at, end));
        }
        at = end;
    }
}

/// Where a string ends.
fn string(frame: &[u8], at: usize) -> Option<usize> {
    let (length, next) = number(frame, at, 7)?;
    next.checked_add(length).filter(|end| *end <= frame.len())
}

/// A number whose first byte has so many bits for it, and where it ends.
fn number(bytes: &[u8], at: usize, bits: u8) -> Option<(usize, usize)> {
    let most = (1_usize << bits) - 1;
    let first = usize::from(*bytes.get(at)?) & most;
    if first < most {
        return Some((first, at + 1));
    }
    let mut value = most;
    // Three more bytes are more than any frame is long.
    for more in 0..3 {
        let byte = *bytes.get(at + 1 + more)?;
        value += usize::from(byte & 0x7f) << (7 * more);
        if byte & 0x80 == 0 {
            return Some((value, at + 2 + more));
        }
    }
    None
}

/// Whether a literal, its length included, begins like a URL.
fn is_url(literal: &[u8]) -> bool {
    let Some((_, begin)) = number(literal, 0, 7) else { return false };
    let value = &literal[begin..];
    if literal[0] & 0x80 == 0 {
        return URLS.iter().any(|url| value.starts_with(url.as_bytes()));
    }
    URLS.iter().any(|url| {
        let mut found = bits_of(value);
        coded(url).all(|bit| found.next() == Some(bit))
    })
}

fn bits_of(bytes: &[u8]) -> impl Iterator<Item = bool> + '_ {
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
}

fn coded(text: &str) -> impl Iterator<Item = bool> + '_ {
    text.bytes().flat_map(|letter| {
        let code = CODES.iter().find(|(known, ..)| *known == letter);
        let (_, bits, length) = *code.unwrap_or(&(0, 0, 0));
        (0..length).rev().map(move |bit| bits >> bit & 1 == 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `:method: POST` by index, then the authority as a literal that is indexed, then `te: x`.
    fn headers(authority: &[u8]) -> Vec<u8> {
        let block = [&[0x83, 0x41][..], authority, &[0x40, 2, b't', b'e', 1, b'x']].concat();
        let length = u8::try_from(block.len()).unwrap();
        [&[0, 0, length, HEADERS, 4, 0, 0, 0, 1][..], &block].concat()
    }

    fn huffman(text: &str) -> Vec<u8> {
        let bits: Vec<bool> = coded(text).collect();
        let byte = |bits: &[bool]| {
            (0..8).fold(0, |sum, at| sum << 1 | u8::from(*bits.get(at).unwrap_or(&true)))
        };
        let bytes: Vec<u8> = bits.chunks(8).map(byte).collect();
        [&[0x80 | u8::try_from(bytes.len()).unwrap()][..], &bytes].concat()
    }

    /// Everything that passes, in pieces of a size.
    fn pass(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut mender = Mender::default();
        let mut out: Vec<u8> = bytes.chunks(size).flat_map(|piece| mender.pass(piece)).collect();
        out.extend(mender.release(Vec::new()));
        out
    }

    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

    #[test]
    fn a_url_becomes_a_name_however_the_bytes_arrive() {
        let raw = [&[12][..], b"http://h:123"].concat();
        for url in [raw, huffman("http://s:"), huffman("https://s"), huffman("unix://x")] {
            let sent = [PREFACE, &SETTINGS, &headers(&url), &SETTINGS].concat();
            let wanted = [PREFACE, &SETTINGS, &headers(PLAIN), &SETTINGS].concat();
            for size in [1, 7, 30, 1000] {
                assert_eq!(pass(&sent, size), wanted, "pieces of {size}");
            }
        }
    }

    #[test]
    fn everything_else_passes_as_it_came() {
        let plain = [&[6][..], b"h:2379"].concat();
        for rest in [
            [PREFACE, &SETTINGS, &headers(&plain)].concat(),
            [PREFACE, &SETTINGS, &headers(&huffman("ttp"))].concat(),
            b"GET /health HTTP/1.1\r\n\r\n".to_vec(),
            PREFACE[..9].to_vec(),
            [PREFACE, &[0, 0, 9, HEADERS, 4, 0, 0, 0, 1, 0x41, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]]
                .concat(),
            [PREFACE, &[0xff; 40]].concat(),
        ] {
            for size in [1, 16, 1000] {
                assert_eq!(pass(&rest, size), rest);
            }
        }
    }

    #[test]
    fn whole_frames_are_not_held_back() {
        let mut mender = Mender::default();
        assert_eq!(mender.pass(PREFACE), PREFACE);
        assert_eq!(mender.pass(&SETTINGS), SETTINGS);
        assert!(!mender.is_done());
        mender.pass(&headers(&huffman("http://")));
        assert!(mender.is_done());
    }
}
