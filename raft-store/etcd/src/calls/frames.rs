//! Counts messages in a stream of bytes without looking into them. Pure.

/// Bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Where a stream of gRPC messages stands.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The part of a prefix that has been seen.
    prefix: [u8; PREFIX],
    seen: usize,
    /// Bytes of the message that are still to come.
    rest: usize,
}

/// What a piece of a stream has brought: messages that began, and bytes of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Frames {
    /// Looks at the next piece.
    pub(super) fn pass(&mut self, mut piece: &[u8]) -> Found {
        let mut found = Found::default();
        while !piece.is_empty() {
            if self.rest > 0 {
                let taken = self.rest.min(piece.len());
                self.rest -= taken;
                found.bytes += u64::try_from(taken).unwrap_or(u64::MAX);
                piece = &piece[taken..];
                continue;
            }
            let taken = (PREFIX - self.seen).min(piece.len());
            self.prefix[self.seen..self.seen + taken].copy_from_slice(&piece[..taken]);
            self.seen += taken;
            piece = &piece[taken..];
            if self.seen == PREFIX {
                let [_, length @ ..] = self.prefix;
                self.rest = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                self.seen = 0;
                found.messages += 1;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let stream =
            [&[0, 0, 0, 0, 3, 1, 2, 3][..], &[0, 0, 0, 0, 0], &[1, 0, 0, 0, 1, 9]].concat();
        for cut in 1..=stream.len() {
            let mut frames = Frames::default();
            let found = stream.chunks(cut).map(|piece| frames.pass(piece));
            let sum = found.fold(Found::default(), |sum, one| Found {
                messages: sum.messages + one.messages,
                bytes: sum.bytes + one.bytes,
            });
            assert_eq!(sum, Found { messages: 3, bytes: 4 }, "cut every {cut} bytes");
        }
    }
}
