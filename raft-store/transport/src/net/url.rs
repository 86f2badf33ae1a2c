//! Where a socket listens or is reached, written as etcd writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// A URL of a member: `http://host:port`, `https://host:port`, `unix://path` or `unixs://path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Url {
    scheme: &'static str,
    /// Host and port, or the path of a Unix socket.
    address: String,
}

/// Why a text is no URL of a member; the texts are etcd's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Nothing or another scheme before `://`.
    #[error("URL scheme must be http, https, unix, or unixs: {0}")]
    Scheme(String),
    /// No port, or no number that a port can be.
    #[error("URL address does not have the form \"host:port\": {0}")]
    Address(String),
    /// Something behind the port.
    #[error("URL must not contain a path: {0}")]
    Path(String),
}

const SCHEMES: [&str; 4] = ["http", "https", "unix", "unixs"];

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let wrong = || UrlError::Scheme(text.to_owned());
        let (scheme, address) = text.split_once("://").ok_or_else(wrong)?;
        let scheme = SCHEMES.into_iter().find(|known| *known == scheme).ok_or_else(wrong)?;
        let url = Self { scheme, address: address.to_owned() };
        if url.path().is_some() {
            return if address.is_empty() { Err(UrlError::Address(text.into())) } else { Ok(url) };
        }
        if address.contains('/') {
            return Err(UrlError::Path(text.to_owned()));
        }
        let known =
            url.host_and_port().is_some_and(|(host, _)| !host.contains(':') || host.len() > 1);
        if known { Ok(url) } else { Err(UrlError::Address(text.to_owned())) }
    }
}

impl Url {
    /// The URL of a plain address, for members that are named by `host:port` alone.
    #[must_use]
    pub fn plain(address: impl Into<String>) -> Self {
        Self { scheme: "http", address: address.into() }
    }

    /// Several, separated by commas.
    ///
    /// # Errors
    /// The first that is none.
    pub fn list(text: &str) -> Result<Vec<Self>, UrlError> {
        text.split(',').map(str::parse).collect()
    }

    /// How the address of a member is reached: URLs separated by commas, or `host:port`.
    pub(crate) fn addresses(text: &str) -> Result<Vec<Self>, UrlError> {
        text.split(',')
            .map(|one| if one.contains("://") { one.parse() } else { Ok(Self::plain(one)) })
            .collect()
    }

    /// `http`, `https`, `unix` or `unixs`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme.ends_with('s')
    }

    /// What follows the scheme: `host:port`, or the path of a Unix socket.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The path of a Unix socket.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.scheme.starts_with("unix").then(|| PathBuf::from(&self.address))
    }

    /// Host and port of a TCP socket; the host of an IPv6 address comes without brackets.
    #[must_use]
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        if self.path().is_some() {
            return None;
        }
        let (host, port) = self.address.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_none() && host.contains(':') {
            return None;
        }
        Some((bare.unwrap_or(host), port.parse().ok()?))
    }

    /// The same with another port, for a socket that took any free one.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        let host = self.address.rsplit_once(':').map_or(&*self.address, |(host, _)| host);
        Self { scheme: self.scheme, address: format!("{host}:{port}") }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_etcd_reads_them() {
        let url: Url = " https://[::1]:2380".parse().unwrap();
        assert_eq!((url.host_and_port(), url.is_secure()), (Some(("::1", 2380)), true));
        assert_eq!(url.to_string(), "https://[::1]:2380");
        let unix: Url = "unix://etcd.unix:1".parse().unwrap();
        assert_eq!((unix.path(), unix.host_and_port()), (Some("etcd.unix:1".into()), None));
        for (wrong, text) in [
            ("localhost:1", "URL scheme must be http, https, unix, or unixs: localhost:1"),
            ("ftp://h:1", "URL scheme must be http, https, unix, or unixs: ftp://h:1"),
            ("http://h", "URL address does not have the form \"host:port\": http://h"),
            ("http://h:x", "URL address does not have the form \"host:port\": http://h:x"),
            ("http://::1:1", "URL address does not have the form \"host:port\": http://::1:1"),
            ("http://h:1/v3", "URL must not contain a path: http://h:1/v3"),
        ] {
            assert_eq!(wrong.parse::<Url>().unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn members_are_reached_by_several_urls_or_a_plain_address() {
        let urls = Url::addresses("https://a:1,http://b:2").unwrap();
        assert_eq!(urls.iter().map(Url::is_secure).collect::<Vec<_>>(), [true, false]);
        assert_eq!(Url::addresses("127.0.0.1:7").unwrap(), [Url::plain("127.0.0.1:7")]);
        assert_eq!(Url::plain("h:0").with_port(9).to_string(), "http://h:9");
    }
}
