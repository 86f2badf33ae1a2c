//! Who a certificate says its holder is: the names in its subject.
//!
//! Place: for listeners that take the names of users and groups from certificates, as Kubernetes does.
//! Verifying the certificate is theirs: what is read here is only as good as who signed it.
//!
//! Invariant: no bytes make it panic; what cannot be read is no subject.

use crate::der::{OBJECT_IDENTIFIER, SEQUENCE, SET, content, element, subject_on};

/// The names in a certificate's subject that tell user and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The last common name, as in Go; empty if there is none.
    pub common_name: String,
    /// Organisations, in order.
    pub organizations: Vec<String>,
}

/// Object identifiers 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const ORGANIZATION: [u8; 3] = [0x55, 0x04, 0x0a];
/// Strings whose bytes are text as they are: UTF-8, printable, teletex, IA5.
const TEXT: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// The subject of a certificate in DER; `None` if it is no certificate or has names that are no text.
#[must_use]
pub fn subject(certificate: &[u8]) -> Option<Subject> {
    let (names, _) = content(subject_on(certificate)?, SEQUENCE)?;
    read(names)
}

fn read(mut names: &[u8]) -> Option<Subject> {
    let mut subject = Subject::default();
    while !names.is_empty() {
        let (mut set, rest) = content(names, SET)?;
        names = rest;
        while !set.is_empty() {
            let (attribute, rest) = content(set, SEQUENCE)?;
            set = rest;
            let (kind, value) = content(attribute, OBJECT_IDENTIFIER)?;
            if kind == COMMON_NAME {
                subject.common_name = text(value)?;
            } else if kind == ORGANIZATION {
                subject.organizations.push(text(value)?);
            }
        }
    }
    Some(subject)
}

/// Bytes that are no UTF-8 name nobody: guessing at them could make two users one.
fn text(value: &[u8]) -> Option<String> {
    let (tag, text, _) = element(value)?;
    let text = TEXT.contains(&tag).then_some(text)?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn certificate(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.remove(DnType::CommonName);
        for (kind, text) in names {
            params.distinguished_name.push(kind.clone(), *text);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn user_and_group_are_found_whatever_surrounds_them() {
        let names = [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "system:masters"),
            (DnType::CustomDnType(vec![2, 5, 4, 10]), "ops"),
            (DnType::CommonName, "röot"),
        ];
        let found = subject(&certificate(&names)).unwrap();
        assert_eq!(found.common_name, "röot");
        assert_eq!(found.organizations, ["system:masters", "ops"]);
        assert_eq!(subject(&certificate(&[])), Some(Subject::default()));
    }

    #[test]
    fn no_bytes_make_it_fail() {
        let whole = certificate(&[(DnType::CommonName, "root")]);
        for cut in 0..whole.len() {
            assert_eq!(subject(&whole[..cut]), None, "{cut}");
        }
        for at in 0..whole.len().min(400) {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            let _ = subject(&broken);
        }
        assert_eq!(subject(&[0x30, 0x88, 1, 2]), None);
    }

    #[test]
    fn a_name_that_is_no_text_makes_no_user() {
        let mut bytes = certificate(&[(DnType::CommonName, "abcd")]);
        let at = bytes.windows(4).rposition(|part| part == b"abcd").unwrap();
        bytes[at] = 0xff;
        assert_eq!(subject(&bytes), None);
    }
}
