//! Continue tokens: where a list goes on, and at which revision.

use crate::failure::Failure;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use quorate_resources::Revision;
use serde::{Deserialize, Serialize};

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    v: String,
    /// Revision of the list; -1 for whatever is current.
    rv: i64,
    /// The key at which the next page starts.
    start: String,
}

const VERSION: &str = "meta.k8s.io/v1";

impl Token {
    pub(super) fn new(revision: Revision, start: &[u8]) -> Self {
        let start = String::from_utf8_lossy(start).into_owned();
        Self { v: VERSION.to_owned(), rv: revision.0, start }
    }

    /// The same place at whatever revision is current.
    pub(super) fn fresh(&self) -> Self {
        Self { rv: -1, ..self.clone() }
    }

    pub(super) fn revision(&self) -> Revision {
        if self.rv < 0 { Revision::NONE } else { Revision(self.rv) }
    }

    pub(super) fn start(&self) -> Bytes {
        self.start.clone().into()
    }

    pub(super) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a token and refuses one of another list.
    pub(super) fn parse(text: &str, prefix: &str) -> Result<Self, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let token = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        token
            .filter(|token| token.v == VERSION && token.rv != 0 && token.start.starts_with(prefix))
            .ok_or_else(|| Failure::bad("continue key is not valid: it belongs to no such list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_foreign_ones_are_refused() {
        let token = Token::new(Revision(7), b"/registry/core/pods/a/x\0");
        let text = token.to_text();
        assert_eq!(Token::parse(&text, "/registry/core/pods/a/").unwrap(), token);
        assert!(Token::parse(&text, "/registry/core/secrets/").is_err());
        assert!(Token::parse("nonsense!", "").is_err());
        assert_eq!(token.fresh().revision(), Revision::NONE);
    }
}
