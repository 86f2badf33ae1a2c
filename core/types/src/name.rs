//! Kubernetes' rules for names, labels and annotations.
//!
//! Source of the rules: "Object Names and IDs" and "Labels and Selectors" in the Kubernetes
//! documentation, RFC 1035 and RFC 1123.

use thiserror::Error;

/// Why a name or label is refused; the message says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// More characters than the rule allows.
    #[error("must be no more than {limit} characters, has {length}")]
    TooLong {
        /// Characters allowed.
        limit: usize,
        /// Characters given.
        length: usize,
    },
    /// A character or position that the rule forbids.
    #[error("{value:?} is invalid: {rule}")]
    Form {
        /// What was given.
        value: String,
        /// What is allowed, in words.
        rule: &'static str,
    },
}

const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
    characters or '-', and must start and end with an alphanumeric character";
const LABEL_1035_RULE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters \
    or '-', start with an alphabetic character, and end with an alphanumeric character";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case \
    alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const SEGMENT_RULE: &str = "a path segment must not be '.' or '..' and must not contain '/' or '%'";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_RULE: &str = "a qualified name must consist of alphanumeric characters, '-', '_' \
    or '.', start and end with an alphanumeric character, and may have a DNS prefix and '/'";

fn bounded(value: &str, limit: usize) -> Result<(), NameError> {
    match value.chars().count() {
        0 => Err(NameError::Empty),
        length if length > limit => Err(NameError::TooLong { limit, length }),
        _ => Ok(()),
    }
}

fn form(ok: bool, value: &str, rule: &'static str) -> Result<(), NameError> {
    if ok { Ok(()) } else { Err(NameError::Form { value: value.to_owned(), rule }) }
}

fn is_dns_label(value: &str) -> bool {
    let bytes = value.as_bytes();
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    bytes.iter().all(|b| plain(b) || *b == b'-')
        && bytes.first().is_some_and(plain)
        && bytes.last().is_some_and(plain)
}

fn is_label_text(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// Checks an RFC 1123 label (namespaces, container names): at most 63 characters.
///
/// # Errors
/// Says which rule the value breaks.
pub fn check_dns_label(value: &str) -> Result<(), NameError> {
    bounded(value, 63)?;
    form(is_dns_label(value), value, LABEL_RULE)
}

/// Checks a DNS-1035 label (services): as a label, but starts with a letter.
///
/// # Errors
/// Says which rule the value breaks.
pub fn check_dns_1035_label(value: &str) -> Result<(), NameError> {
    bounded(value, 63)?;
    let letter = value.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    form(letter && is_dns_label(value), value, LABEL_1035_RULE)
}

/// Checks an RFC 1123 subdomain (most object names): at most 253 characters.
///
/// # Errors
/// Says which rule the value breaks.
pub fn check_dns_subdomain(value: &str) -> Result<(), NameError> {
    bounded(value, 253)?;
    form(value.split('.').all(is_dns_label), value, SUBDOMAIN_RULE)
}

/// Checks a name that need only be one segment of a path (roles and their bindings): `system:node`.
///
/// # Errors
/// Says which rule the value breaks.
pub fn check_path_segment(value: &str) -> Result<(), NameError> {
    bounded(value, 253)?;
    let ok = !matches!(value, "." | "..") && !value.contains(['/', '%']);
    form(ok, value, SEGMENT_RULE)
}

/// Checks a label or annotation key: an optional DNS prefix, a slash, and a name of at most 63.
///
/// # Errors
/// Says which rule the value breaks.
pub fn check_label_key(value: &str) -> Result<(), NameError> {
    let name = match value.split_once('/') {
        Some((prefix, name)) => {
            check_dns_subdomain(prefix)?;
            name
        }
        None => value,
    };
    bounded(name, 63)?;
    form(is_label_text(name), value, QUALIFIED_RULE)
}

/// Checks a label value: empty, or at most 63 characters.
///
/// # Errors
/// Says which rule the value breaks.
pub fn check_label_value(value: &str) -> Result<(), NameError> {
    if value.is_empty() {
        return Ok(());
    }
    bounded(value, 63)?;
    form(is_label_text(value), value, VALUE_RULE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_published_rules() {
        assert!(check_dns_label("web-1").is_ok());
        assert!(check_dns_label("Web").is_err());
        assert!(check_dns_label("-web").is_err());
        assert!(check_dns_label(&"a".repeat(64)).is_err());
        assert!(check_dns_1035_label("1web").is_err());
        assert!(check_dns_subdomain("a.b-c.d").is_ok());
        assert!(check_dns_subdomain("a..b").is_err());
        assert!(check_path_segment("system:node").is_ok());
        assert!(
            ["", ".", "..", "a/b", "a%2f"].iter().all(|name| check_path_segment(name).is_err())
        );
        assert!(check_label_key("app.kubernetes.io/name").is_ok());
        assert!(check_label_key("a/b/c").is_err());
        assert!(check_label_key("").is_err());
        assert!(check_label_value("").is_ok());
        assert!(check_label_value("v1.0_x").is_ok());
        assert!(check_label_value("x-").is_err());
    }

    #[test]
    fn the_message_names_value_and_rule() {
        let error = check_dns_label("Web").unwrap_err().to_string();
        assert!(error.contains("\"Web\"") && error.contains("lower case"), "{error}");
    }
}
