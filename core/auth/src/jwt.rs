//! Signed tokens: JSON Web Tokens with the claims that etcd's have.
//!
//! Place: for a listener that gives out or accepts tokens which no member has to remember. What is
//! signed is the user and the revision of users and roles; the state decides whether that revision is
//! still good, so every change of users and roles makes all of these tokens void.
//!
//! Invariants: the algorithm is the listener's, never the token's choice. A claim of the wrong type
//! makes a token invalid, it never counts as missing. Secrets are never printed.

mod key;
mod pem;

use crate::Caller;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use key::Key;
use quorate_seams::WallTime;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;
use thiserror::Error;

pub use key::Algorithm;

/// How long a token is good unless it is told otherwise.
pub const JWT_TTL: Duration = Duration::from_secs(300);
/// Longest token that is looked at; a user's name is all that is long in one.
const MAX_BYTES: usize = 16 * 1024;

/// Why keys cannot be used, or a token cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The signing method is none that is known.
    #[error(
        "sign-method {method:?} is not known: use HS, RS or PS with 256, 384 or 512, ES256, ES384 or EdDSA"
    )]
    Method {
        /// What was asked for.
        method: String,
    },
    /// The method needs a key that was not given.
    #[error("{method} needs a key: give priv-key, or pub-key to verify only")]
    MissingKey {
        /// The signing method.
        method: &'static str,
    },
    /// A key cannot be read.
    #[error("{which} is no key for {method}: {reason}")]
    Key {
        /// Which of both.
        which: &'static str,
        /// The signing method.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Both keys were given and are not a pair.
    #[error("public and private keys don't match")]
    Mismatch,
    /// There is no private key to sign with.
    #[error("token signing attempted with verify-only key")]
    VerifyOnly,
    /// Signing failed.
    #[error("token cannot be signed")]
    Sign,
}

/// The keys as they were read from files: PEM, or the secret itself for the HS methods.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyFiles<'a> {
    /// The private key or secret; without it tokens can only be verified.
    pub private: Option<&'a [u8]>,
    /// The public key, or a certificate with it; not needed beside a private one.
    pub public: Option<&'a [u8]>,
}

/// Signs and verifies tokens.
#[derive(Debug)]
pub struct Jwt {
    algorithm: Algorithm,
    key: Key,
    ttl: Duration,
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    exp: u64,
    revision: u64,
    username: &'a str,
}

impl Jwt {
    /// Tokens of a method, with keys, that are good for a while.
    ///
    /// # Errors
    /// The keys are missing, unreadable, of another kind, or no pair.
    pub fn new(algorithm: Algorithm, files: KeyFiles<'_>, ttl: Duration) -> Result<Self, Error> {
        Ok(Self { algorithm, key: Key::read(algorithm, files)?, ttl })
    }

    /// A token for a user.
    ///
    /// # Errors
    /// There is no private key.
    pub fn sign(&self, user: &str, revision: u64, now: WallTime) -> Result<String, Error> {
        let header = Header { alg: self.algorithm.name(), typ: "JWT" };
        let exp = (now.0 + self.ttl).as_secs();
        let claims = Claims { exp, revision, username: user };
        let mut token = format!("{}.{}", encoded(&header)?, encoded(&claims)?);
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// Whose a token is, if it is ours and good now.
    #[must_use]
    pub fn verify(&self, token: &str, now: WallTime) -> Option<Caller> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header = object(header)?;
        // An extension that must be understood is none of ours.
        if header.get("alg")?.as_str()? != self.algorithm.name() || header.contains_key("crit") {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !self.key.verify(signed.as_bytes(), &signature) {
            return None;
        }
        caller(&object(claims)?, now)
    }
}

fn caller(claims: &Map<String, Value>, now: WallTime) -> Option<Caller> {
    let now = now.0.as_secs_f64();
    let moment = |name| claims.get(name).map(|value: &Value| value.as_f64());
    let ends = moment("exp").is_none_or(|exp| exp.is_some_and(|exp| now < exp));
    let begun = moment("nbf").is_none_or(|nbf| nbf.is_some_and(|nbf| nbf <= now));
    if !ends || !begun {
        return None;
    }
    let user = claims.get("username")?.as_str()?;
    let revision = claims.get("revision")?.as_u64()?;
    Some(Caller::new(user, revision)).filter(|caller| !caller.is_anonymous())
}

fn encoded(part: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_vec(part).map_err(|_| Error::Sign)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests;
