//! Every method signs what it verifies; nothing else is accepted.

use super::*;
use std::time::Duration;

mod keys;
use keys::*;

fn at(seconds: u64) -> WallTime {
    WallTime(Duration::from_secs(seconds))
}

fn signer(method: &str, private: &[u8], public: Option<&str>) -> Jwt {
    let files = KeyFiles { private: Some(private), public: public.map(str::as_bytes) };
    Jwt::new(method.parse().unwrap(), files, JWT_TTL).unwrap()
}

fn cases() -> Vec<(&'static str, &'static str, Option<&'static str>)> {
    vec![
        ("HS256", "secret", None),
        ("HS384", "secret", None),
        ("HS512", "secret", None),
        ("RS256", RSA_PKCS8, Some(RSA_SPKI)),
        ("RS384", RSA_PKCS1, Some(RSA_PUBLIC_PKCS1)),
        ("RS512", RSA_PKCS8, None),
        ("RS256", RSA_PKCS8, Some(RSA_CERTIFICATE)),
        ("PS256", RSA_PKCS8, Some(RSA_SPKI)),
        ("PS384", RSA_PKCS8, Some(RSA_SPKI)),
        ("PS512", RSA_PKCS8, Some(RSA_SPKI)),
        ("ES256", P256_SEC1, Some(P256_SPKI)),
        ("ES256", P256_PKCS8, None),
        ("ES256", P256_PKCS8, Some(P256_CERTIFICATE)),
        ("ES384", P384_PKCS8, Some(P384_SPKI)),
        ("EdDSA", ED_PKCS8, Some(ED_SPKI)),
    ]
}

#[test]
fn every_method_verifies_what_it_signs_until_it_ends() {
    for (method, private, public) in cases() {
        let jwt = signer(method, private.as_bytes(), public);
        let token = jwt.sign("alice", 7, at(1000)).unwrap();
        let alice = Caller::new("alice", 7);
        assert_eq!(jwt.verify(&token, at(1299)), Some(alice.clone()), "{method}");
        assert_eq!(jwt.verify(&token, at(1300)), None, "{method}");
        if let Some(public) = public {
            let files = KeyFiles { private: None, public: Some(public.as_bytes()) };
            let verifier = Jwt::new(method.parse().unwrap(), files, JWT_TTL).unwrap();
            assert_eq!(verifier.verify(&token, at(1000)), Some(alice), "{method}");
            assert_eq!(verifier.sign("alice", 7, at(0)), Err(Error::VerifyOnly), "{method}");
        }
    }
}

#[test]
fn a_token_that_was_touched_is_void() {
    for (method, private, public) in cases() {
        let jwt = signer(method, private.as_bytes(), public);
        let token = jwt.sign("alice", 7, at(1000)).unwrap();
        for at_byte in (0..token.len()).step_by(7) {
            let mut bytes = token.clone().into_bytes();
            bytes[at_byte] = if bytes[at_byte] == b'A' { b'B' } else { b'A' };
            let touched = String::from_utf8(bytes).unwrap();
            assert_eq!(jwt.verify(&touched, at(1000)), None, "{method} at {at_byte}");
        }
    }
}

/// A token that is rightly signed, whatever it says.
fn forged(header: &str, claims: &str, key: &Jwt) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn the_method_is_not_the_tokens_choice() {
    let rsa = signer("RS256", RSA_PKCS8.as_bytes(), Some(RSA_SPKI));
    let claims = r#"{"username":"root","revision":7,"exp":2000}"#;
    // The public key as a secret: the oldest trick.
    let secret = signer("HS256", RSA_SPKI.as_bytes(), None);
    assert_eq!(rsa.verify(&forged(r#"{"alg":"HS256"}"#, claims, &secret), at(1000)), None);
    assert_eq!(rsa.verify(&forged(r#"{"alg":"RS384"}"#, claims, &rsa), at(1000)), None);
    assert_eq!(
        rsa.verify(&forged(r#"{"alg":"RS256","crit":["b64"]}"#, claims, &rsa), at(1000)),
        None
    );
    assert!(rsa.verify(&forged(r#"{"alg":"RS256"}"#, claims, &rsa), at(1000)).is_some());
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(claims)
    );
    assert_eq!(rsa.verify(&none, at(1000)), None);
}

#[test]
fn a_claim_of_the_wrong_type_is_not_a_missing_one() {
    let jwt = signer("HS256", b"secret", None);
    let told = |claims: &str| jwt.verify(&forged(r#"{"alg":"HS256"}"#, claims, &jwt), at(1000));
    assert!(told(r#"{"username":"a","revision":1}"#).is_some(), "an end is not needed");
    assert!(told(r#"{"username":"a","revision":1,"exp":1001,"nbf":1000}"#).is_some());
    for claims in [
        r#"{"username":"a","revision":1,"exp":"9999"}"#,
        r#"{"username":"a","revision":1,"exp":null}"#,
        r#"{"username":"a","revision":1,"nbf":"1"}"#,
        r#"{"username":"a","revision":1,"nbf":1001}"#,
        r#"{"username":"a","revision":"1"}"#,
        r#"{"username":"a","revision":-1}"#,
        r#"{"username":1,"revision":1}"#,
        r#"{"username":"","revision":1}"#,
        r#"{"username":"a"}"#,
        r#"{"revision":1}"#,
        r#"[]"#,
    ] {
        assert_eq!(told(claims), None, "{claims}");
    }
}

#[test]
fn keys_that_do_not_fit_are_refused_by_name() {
    let refused = |method: &str, private: Option<&str>, public: Option<&str>| {
        let files =
            KeyFiles { private: private.map(str::as_bytes), public: public.map(str::as_bytes) };
        Jwt::new(method.parse().unwrap(), files, JWT_TTL).unwrap_err()
    };
    assert_eq!(refused("RS256", None, None), Error::MissingKey { method: "RS256" });
    assert_eq!(refused("HS256", Some(""), None), Error::MissingKey { method: "HS256" });
    assert_eq!(refused("ES256", Some(P256_SEC1), Some(OTHER_P256_SPKI)), Error::Mismatch);
    for (method, private, public) in [
        ("RS256", Some(P256_PKCS8), None),
        ("ES384", Some(P256_PKCS8), None),
        ("ES256", None, Some(P384_SPKI)),
        ("EdDSA", None, Some(RSA_SPKI)),
        ("RS256", Some("no key"), None),
    ] {
        let error = refused(method, private, public);
        assert!(matches!(error, Error::Key { .. }), "{method}: {error}");
    }
    assert!(matches!("none".parse::<Algorithm>(), Err(Error::Method { .. })));
}

#[test]
fn hostile_bytes_are_refused_without_panic() {
    let jwt = signer("HS256", b"secret", None);
    for token in ["", ".", "..", "...", "a.b.c", "\u{1F600}.x.y", &"a".repeat(40_000)] {
        assert_eq!(jwt.verify(token, at(0)), None);
    }
    for file in [&b"-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----"[..], b"\xff", b""] {
        let files = KeyFiles { private: None, public: Some(file) };
        assert!(Jwt::new(Algorithm::Es256, files, JWT_TTL).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_reading_tokens_or_keys_panic(
        token in ".{0,40}", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,24}", 0..5),
        der in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60), sequence: bool
    ) {
        let jwt = signer("HS256", b"secret", None);
        proptest::prop_assert_eq!(jwt.verify(&token, at(0)), None);
        proptest::prop_assert_eq!(jwt.verify(&parts.join("."), at(0)), None);
        // Lengths that lie, at least sometimes about something that begins well.
        let der = if sequence { [&[0x30], &der[..]].concat() } else { der };
        let text = base64::engine::general_purpose::STANDARD.encode(&der);
        for label in ["PUBLIC KEY", "PRIVATE KEY", "RSA PUBLIC KEY", "EC PRIVATE KEY"] {
            let file = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
            let (private, public) = match label.ends_with("PRIVATE KEY") {
                true => (Some(file.as_bytes()), None),
                false => (None, Some(file.as_bytes())),
            };
            for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
                let _ = Jwt::new(algorithm, KeyFiles { private, public }, JWT_TTL);
            }
        }
    }
}
