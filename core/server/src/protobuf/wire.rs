//! Protobuf's wire format, without any meaning.

use super::ProtobufError;

/// The content of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Content<'b> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'b [u8]),
    /// Four bytes, which nothing here has a use for.
    Fixed32,
}

/// The fields of a message, in the order of the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'b> {
    message: &'b str,
    rest: &'b [u8],
}

impl<'b> Fields<'b> {
    pub(super) fn new(message: &'b str, bytes: &'b [u8]) -> Self {
        Self { message, rest: bytes }
    }

    fn truncated(&self) -> ProtobufError {
        ProtobufError::Truncated { message: self.message.to_owned() }
    }

    fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or_else(|| self.truncated())?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.truncated())
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], ProtobufError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(taken)
    }

    /// The number and content of the next field.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Content<'b>)>, ProtobufError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let content = match tag & 7 {
            0 => Content::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?.try_into().map_err(|_| self.truncated())?;
                Content::Fixed64(u64::from_le_bytes(bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| self.truncated())?;
                Content::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Content::Fixed32
            }
            _ => {
                let (message, field) = (self.message.to_owned(), (tag >> 3).to_string());
                return Err(ProtobufError::Field { message, field });
            }
        };
        Ok(Some((tag >> 3, content)))
    }
}

/// What every object is wrapped in.
#[derive(Debug, Default)]
pub(super) struct Envelope<'b> {
    pub(super) api_version: &'b str,
    pub(super) kind: &'b str,
    pub(super) raw: &'b [u8],
}

impl<'b> Envelope<'b> {
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, ProtobufError> {
        let mut envelope = Self::default();
        let mut fields = Fields::new("Unknown", bytes);
        while let Some((number, content)) = fields.next()? {
            match (number, content) {
                (1, Content::Bytes(bytes)) => envelope.type_meta(bytes)?,
                (2, Content::Bytes(bytes)) => envelope.raw = bytes,
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn type_meta(&mut self, bytes: &'b [u8]) -> Result<(), ProtobufError> {
        let mut fields = Fields::new("TypeMeta", bytes);
        while let Some((number, content)) = fields.next()? {
            let Content::Bytes(bytes) = content else { continue };
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            match number {
                1 => self.api_version = text,
                2 => self.kind = text,
                _ => {}
            }
        }
        Ok(())
    }
}
