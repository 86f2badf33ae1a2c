//! The little of PEM and DER that keys in files need. Pure; takes hostile bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One block of a PEM file.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Vec<u8>,
}

/// The first block with one of these labels.
pub(super) fn find(file: &[u8], labels: &[&str]) -> Option<Block> {
    let text = std::str::from_utf8(file).ok()?;
    let mut rest = text;
    loop {
        rest = rest.split_once("-----BEGIN ")?.1;
        let (label, after) = rest.split_once("-----")?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(&end)?;
        if labels.contains(&label) {
            let body: String = body.split_ascii_whitespace().collect();
            let der = STANDARD.decode(body).ok()?;
            return Some(Block { label: label.to_owned(), der });
        }
        rest = after;
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// The first, optional field of a certificate.
const VERSION: u8 = 0xa0;
const OBJECT_ID: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;

/// Takes one element of a tag apart: its contents, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first & 0x7f);
    if first >= 0x80 {
        let bytes = length;
        if bytes == 0 || bytes > 4 || rest.len() < bytes {
            return None;
        }
        length = rest[..bytes].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = &rest[bytes..];
    }
    if found != tag || rest.len() < length {
        return None;
    }
    Some(rest.split_at(length))
}

/// The key bits of a SubjectPublicKeyInfo whose algorithm has these object ids.
pub(super) fn public_bits(der: &[u8], ids: &[&[u8]]) -> Option<Vec<u8>> {
    let (info, after) = element(SEQUENCE, der)?;
    let (mut algorithm, rest) = element(SEQUENCE, info)?;
    for id in ids {
        let (found, following) = element(OBJECT_ID, algorithm)?;
        if found != *id {
            return None;
        }
        algorithm = following;
    }
    let (bits, trailing) = element(BIT_STRING, rest)?;
    let (&unused, bits) = bits.split_first()?;
    (after.is_empty() && trailing.is_empty() && unused == 0).then(|| bits.to_vec())
}

/// The SubjectPublicKeyInfo in a certificate (RFC 5280, section 4.1). Nothing else of it is looked at:
/// who names a certificate as a key trusts it.
pub(super) fn certified(der: &[u8]) -> Option<&[u8]> {
    let (signed, _) = element(SEQUENCE, der)?;
    let (mut fields, _) = element(SEQUENCE, signed)?;
    if let Some((_, after)) = element(VERSION, fields) {
        fields = after;
    }
    // Serial number, signature algorithm, issuer, validity, subject.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        fields = element(tag, fields)?.1;
    }
    let (_, after) = element(SEQUENCE, fields)?;
    Some(&fields[..fields.len() - after.len()])
}

/// A private key in the older form of elliptic curves, wrapped in the newer one (PKCS #8).
pub(super) fn wrap_private(key: &[u8], ids: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<u8> = ids.iter().flat_map(|id| wrapped(OBJECT_ID, id)).collect();
    let version = [0x02, 0x01, 0x00];
    let parts = [&version[..], &wrapped(SEQUENCE, &ids), &wrapped(OCTET_STRING, key)].concat();
    wrapped(SEQUENCE, &parts)
}

fn wrapped(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut der = vec![tag];
    match u8::try_from(length) {
        Ok(short @ ..0x80) => der.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
            let count = u8::try_from(bytes.len() - from).unwrap_or(u8::MAX);
            der.push(0x80 | count);
            der.extend_from_slice(&bytes[from..]);
        }
    }
    der.extend_from_slice(contents);
    der
}
