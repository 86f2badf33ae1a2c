//! Headers of requests in HPACK: each field is sent in full once, then by its number.

use super::calls::Method;

/// The first number of fields that the connection has introduced.
const FIRST: usize = 62;

/// The fields that change; `:method: POST` and `:scheme: http` have numbers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Authority,
    Path(Method),
    ContentType,
    Te,
    UserAgent,
}

/// What a connection has introduced, oldest first.
///
/// Few and short enough for the table that every server keeps unless it says otherwise (4096 bytes),
/// so that nothing is ever evicted.
#[derive(Debug)]
pub(crate) struct Headers {
    authority: String,
    introduced: Vec<Field>,
}

impl Headers {
    pub(crate) fn new(authority: String) -> Self {
        Self { authority, introduced: Vec::new() }
    }

    /// Appends the header block of a call.
    pub(crate) fn append(&mut self, method: Method, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x83, 0x86]);
        for field in
            [Field::Authority, Field::Path(method), Field::ContentType, Field::Te, Field::UserAgent]
        {
            self.append_field(field, out);
        }
    }

    fn append_field(&mut self, field: Field, out: &mut Vec<u8>) {
        if let Some(at) = self.introduced.iter().position(|known| *known == field) {
            // The newest has the lowest number.
            let number = FIRST + self.introduced.len() - 1 - at;
            out.push(0x80 | u8::try_from(number).unwrap_or(0x7e));
            return;
        }
        self.introduced.push(field);
        // A literal that enters the table, its name by number where HPACK has one.
        match field {
            Field::Authority => out.push(0x41),
            Field::Path(_) => out.push(0x44),
            Field::ContentType => out.push(0x40 | 31),
            Field::UserAgent => out.push(0x40 | 58),
            Field::Te => out.extend_from_slice(b"\x40\x02te"),
        }
        let value = match field {
            Field::Authority => self.authority.as_bytes(),
            Field::Path(method) => method.path().as_bytes(),
            Field::ContentType => b"application/grpc",
            Field::Te => b"trailers",
            Field::UserAgent => b"quorate-bench",
        };
        // Shorter than 127 bytes: the length is one byte.
        out.push(u8::try_from(value.len()).unwrap_or(126));
        out.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_introduced_is_sent_by_number() {
        let mut headers = Headers::new("127.0.0.1:2379".to_owned());
        let mut first = Vec::new();
        headers.append(Method::Put, &mut first);
        assert!(first.windows(20).any(|bytes| bytes == b"/etcdserverpb.KV/Put"));
        let mut second = Vec::new();
        headers.append(Method::Put, &mut second);
        assert_eq!(second, [0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe]);
        let mut third = Vec::new();
        headers.append(Method::Range, &mut third);
        // A new path takes the lowest number, and all others move up by one.
        assert_eq!(third[..4], [0x83, 0x86, 0xc2, 0x44]);
        assert_eq!(third[third.len() - 3..], [0xc1, 0xc0, 0xbf]);
    }
}
