//! What a caller shows.

use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use rustls::pki_types::CertificateDer;
use std::fmt;
use std::sync::Arc;

/// What a caller shows. Nothing of it is believed before an authenticator has looked at it.
#[derive(Clone, Default)]
pub struct Credentials {
    /// A bearer token.
    pub token: Option<String>,
    /// The certificate of the connection's other end, then those that lead to its authority. Whoever
    /// sent them has proved to hold the first one's key, nothing else.
    pub certificates: Arc<[CertificateDer<'static>]>,
    /// For whom a token must have been made out; this API if empty.
    pub audiences: Vec<String>,
}

/// Tokens are secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.as_ref().map(|_| ".."))
            .field("certificates", &self.certificates.len())
            .field("audiences", &self.audiences)
            .finish()
    }
}

/// The certificates of a connection's other end, as the listener leaves them with each request.
#[derive(Clone, Debug)]
pub(crate) struct Shown(pub(crate) Arc<[CertificateDer<'static>]>);

impl Credentials {
    /// A token alone.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..Self::default() }
    }

    /// What a request and its connection show.
    pub(crate) fn of(head: &Parts) -> Self {
        let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = head.extensions.get::<Shown>().map(|shown| Arc::clone(&shown.0));
        Self {
            token: header.and_then(bearer),
            certificates: shown.unwrap_or_default(),
            audiences: Vec::new(),
        }
    }
}

fn bearer(header: &str) -> Option<String> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_and_never_printed() {
        assert_eq!(bearer("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(bearer(" bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
        assert_eq!(bearer("Bearer"), None);
        assert!(!format!("{:?}", Credentials::token("sesame")).contains("sesame"));
    }
}
