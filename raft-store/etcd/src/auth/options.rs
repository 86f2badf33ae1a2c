//! How clients prove who they are.

use quorate_auth::jwt::{self, JWT_TTL, Jwt, KeyFiles};
use quorate_auth::password;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Options of authentication; whether it is on is part of the replicated state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthOptions {
    /// Which tokens are given out and accepted: the same on every member.
    pub tokens: TokenKind,
    /// bcrypt's cost of new passwords, from 4 to 31, 10.
    pub bcrypt_cost: u32,
    /// Whether the common name of a client's certificate says who it is, if it brings no token.
    pub client_names: bool,
}

impl Default for AuthOptions {
    fn default() -> Self {
        Self {
            tokens: TokenKind::Simple { ttl: quorate_auth::SIMPLE_TOKEN_TTL },
            bcrypt_cost: password::DEFAULT_COST,
            client_names: false,
        }
    }
}

/// Which tokens are given out and accepted.
#[derive(Clone)]
#[non_exhaustive]
pub enum TokenKind {
    /// Random ones that members remember.
    Simple {
        /// How long one is good after it was last shown, 300 s.
        ttl: Duration,
    },
    /// Signed ones.
    Jwt(Arc<Jwt>),
}

impl fmt::Debug for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple { ttl } => f.debug_struct("Simple").field("ttl", ttl).finish(),
            Self::Jwt(_) => f.write_str("Jwt"),
        }
    }
}

/// Why etcd's `--auth-token` cannot be followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthOptionsError {
    /// It names no kind of token that is known.
    #[error("auth-token {kind:?} is not known: use simple, or jwt with its options")]
    Kind {
        /// What it names.
        kind: String,
    },
    /// One of its options is unknown or not of the form `name=value`.
    #[error(
        "auth-token has the option {option:?}: known are sign-method, priv-key, pub-key and ttl"
    )]
    Option {
        /// The option.
        option: String,
    },
    /// The time to live is none.
    #[error("auth-token's ttl {ttl:?} is no duration such as 10m")]
    Ttl {
        /// What was given.
        ttl: String,
    },
    /// A file with a key cannot be read.
    #[error("cannot read the key {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The keys cannot be used.
    #[error(transparent)]
    Jwt(#[from] jwt::Error),
}

impl TokenKind {
    /// Reads what etcd's flag `--auth-token` says: `simple`, or `jwt` with options after commas, such
    /// as `jwt,sign-method=RS256,priv-key=/etc/key.pem,ttl=10m`. Reads the files that it names.
    ///
    /// # Errors
    /// It cannot be followed.
    pub fn parse(flag: &str, simple_ttl: Duration) -> Result<Self, AuthOptionsError> {
        let mut parts = flag.split(',');
        match parts.next().unwrap_or_default() {
            "" | "simple" => Ok(Self::Simple { ttl: simple_ttl }),
            "jwt" => Ok(Self::Jwt(Arc::new(signed(parts)?))),
            kind => Err(AuthOptionsError::Kind { kind: kind.to_owned() }),
        }
    }
}

fn signed<'a>(options: impl Iterator<Item = &'a str>) -> Result<Jwt, AuthOptionsError> {
    let mut given = BTreeMap::new();
    for option in options {
        let unknown = || AuthOptionsError::Option { option: option.to_owned() };
        let (name, value) = option.split_once('=').ok_or_else(unknown)?;
        if !["sign-method", "priv-key", "pub-key", "ttl"].contains(&name) {
            return Err(unknown());
        }
        given.insert(name, value);
    }
    let file = |name: &str| {
        let path = given.get(name).filter(|path| !path.is_empty());
        let read = |path: &&str| {
            std::fs::read(path)
                .map_err(|source| AuthOptionsError::File { path: PathBuf::from(path), source })
        };
        path.map(read).transpose()
    };
    let (private, public) = (file("priv-key")?, file("pub-key")?);
    let method = given.get("sign-method").copied().unwrap_or_default().parse()?;
    let ttl = match given.get("ttl").copied().filter(|ttl| !ttl.is_empty()) {
        None => JWT_TTL,
        Some(ttl) => duration(ttl).ok_or_else(|| AuthOptionsError::Ttl { ttl: ttl.to_owned() })?,
    };
    let files = KeyFiles { private: private.as_deref(), public: public.as_deref() };
    Ok(Jwt::new(method, files, ttl)?)
}

/// A duration as Go writes it: numbers with units, one after the other.
fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(unit);
        let length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(length);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let part = number.parse::<f64>().ok()? * seconds;
        total = total.checked_add(Duration::try_from_secs_f64(part).ok()?)?;
        rest = after;
    }
    (!text.is_empty() && !total.is_zero()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, seconds) in [("10m", 600), ("1h30m", 5400), ("300s", 300), ("1.5h", 5400)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "m", "-1s", "1d", "1.2.3s", "0s", "99999999999999999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn the_flag_says_which_tokens_there_are() {
        let ttl = Duration::from_secs(9);
        assert!(
            matches!(TokenKind::parse("simple", ttl), Ok(TokenKind::Simple { ttl: t }) if t == ttl)
        );
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&secret, "secret").unwrap();
        let path = secret.path().display();
        let flag = format!("jwt,sign-method=HS256,priv-key={path},ttl=10m");
        assert!(matches!(TokenKind::parse(&flag, ttl), Ok(TokenKind::Jwt(_))));
        for (flag, words) in [
            ("paper".to_owned(), "\"paper\" is not known"),
            ("jwt,sign-method".to_owned(), "\"sign-method\""),
            ("jwt,colour=red".to_owned(), "\"colour=red\""),
            ("jwt".to_owned(), "sign-method \"\" is not known"),
            ("jwt,sign-method=RS256".to_owned(), "RS256 needs a key"),
            (format!("jwt,sign-method=HS256,priv-key={path},ttl=soon"), "\"soon\""),
            ("jwt,sign-method=HS256,priv-key=/nowhere".to_owned(), "/nowhere"),
        ] {
            let error = TokenKind::parse(&flag, ttl).unwrap_err().to_string();
            assert!(error.contains(words), "{flag}: {error}");
        }
    }
}
