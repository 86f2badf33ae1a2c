//! The common name in a certificate.
//!
//! Only certificates that were verified come here; what cannot be read has no name.

/// Object identifier 2.5.4.3, `commonName`.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;
/// Strings whose bytes are text as they are: UTF-8, printable, teletex, IA5.
const TEXT: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// One element: its tag, its content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
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

fn content(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, content, rest)| (content, rest))
}

/// The subject's last common name, as in Go.
pub(crate) fn common_name(certificate: &[u8]) -> Option<String> {
    let (certificate, _) = content(certificate, SEQUENCE)?;
    let (mut fields, _) = content(certificate, SEQUENCE)?;
    if let Some((_, rest)) = content(fields, VERSION) {
        fields = rest;
    }
    // Serial number, algorithm, issuer and validity come before the subject.
    for _ in 0..4 {
        fields = element(fields)?.2;
    }
    let (mut names, _) = content(fields, SEQUENCE)?;
    let mut found = None;
    while !names.is_empty() {
        let (mut set, rest) = content(names, SET)?;
        names = rest;
        while !set.is_empty() {
            let (attribute, rest) = content(set, SEQUENCE)?;
            set = rest;
            let (kind, value) = content(attribute, OBJECT_IDENTIFIER)?;
            if kind == COMMON_NAME {
                let (tag, text, _) = element(value)?;
                let text = TEXT.contains(&tag).then_some(text)?;
                found = Some(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn certificate(name: Option<&str>) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::OrganizationName, "somebody");
        match name {
            Some(name) => params.distinguished_name.push(DnType::CommonName, name),
            None => drop(params.distinguished_name.remove(DnType::CommonName)),
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_is_found_whatever_surrounds_it() {
        assert_eq!(common_name(&certificate(Some("röot"))).unwrap(), "röot");
        assert_eq!(common_name(&certificate(None)), None);
    }

    #[test]
    fn no_bytes_make_it_fail() {
        let whole = certificate(Some("root"));
        for cut in 0..whole.len() {
            common_name(&whole[..cut]);
        }
        for at in 0..whole.len().min(400) {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            common_name(&broken);
        }
        assert_eq!(common_name(&[0x30, 0x88, 1, 2]), None);
    }
}
