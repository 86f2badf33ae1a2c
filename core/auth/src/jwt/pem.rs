//! The little of PEM that keys in files need. Pure; takes hostile bytes.

use crate::der::{OBJECT_IDENTIFIER, SEQUENCE, content, element, subject_on};
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

const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;

/// The key bits of a SubjectPublicKeyInfo whose algorithm has these object ids.
pub(super) fn public_bits(der: &[u8], ids: &[&[u8]]) -> Option<Vec<u8>> {
    let (info, after) = content(der, SEQUENCE)?;
    let (mut algorithm, rest) = content(info, SEQUENCE)?;
    for id in ids {
        let (found, following) = content(algorithm, OBJECT_IDENTIFIER)?;
        if found != *id {
            return None;
        }
        algorithm = following;
    }
    let (bits, trailing) = content(rest, BIT_STRING)?;
    let (&unused, bits) = bits.split_first()?;
    (after.is_empty() && trailing.is_empty() && unused == 0).then(|| bits.to_vec())
}

/// The SubjectPublicKeyInfo in a certificate. Nothing else of it is looked at: who names a certificate as a
/// key trusts it.
pub(super) fn certified(der: &[u8]) -> Option<&[u8]> {
    let (_, _, fields) = element(subject_on(der)?)?;
    let (_, _, after) = element(fields)?;
    Some(&fields[..fields.len() - after.len()])
}

/// A private key in the older form of elliptic curves, wrapped in the newer one (PKCS #8).
pub(super) fn wrap_private(key: &[u8], ids: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<u8> = ids.iter().flat_map(|id| wrapped(OBJECT_IDENTIFIER, id)).collect();
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
