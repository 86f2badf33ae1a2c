//! The little of DER that certificates and keys need. Pure; takes hostile bytes.
//!
//! Invariant: no bytes make it panic; what cannot be read is nothing.

pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// The first, optional field of a certificate.
const VERSION: u8 = 0xa0;

/// One element: its tag, its content, and what follows.
pub(crate) fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        // More than four bytes of length are no certificate.
        let length = (length.len() <= 4).then_some(length)?;
        (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The content of an element of a tag, and what follows.
pub(crate) fn content(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, content, rest)| (content, rest))
}

/// The fields of a certificate from its subject on (RFC 5280, section 4.1).
pub(crate) fn subject_on(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = content(certificate, SEQUENCE)?;
    let (mut fields, _) = content(certificate, SEQUENCE)?;
    if let Some((_, rest)) = content(fields, VERSION) {
        fields = rest;
    }
    // Serial number, algorithm, issuer and validity come before the subject.
    for _ in 0..4 {
        fields = element(fields)?.2;
    }
    Some(fields)
}
