//! Keys of signing methods, and what is done with them.

use super::pem::{certified, find, public_bits, wrap_private};
use super::{Error, KeyFiles};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use std::fmt;
use std::str::FromStr;

/// A signing method, by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say all there is to say")]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

const ALL: [Algorithm; 12] = [
    Algorithm::Hs256,
    Algorithm::Hs384,
    Algorithm::Hs512,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

/// Object ids, without tag and length.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const PKCS8: &str = "PRIVATE KEY";
const RSA_PRIVATE: &str = "RSA PRIVATE KEY";
const EC_PRIVATE: &str = "EC PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
const RSA_PUBLIC: &str = "RSA PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";

/// How a family of methods signs and verifies.
enum Family {
    Hmac(hmac::Algorithm),
    Rsa(&'static dyn RsaEncoding, &'static dyn VerificationAlgorithm),
    Ec(&'static EcdsaSigningAlgorithm, &'static dyn VerificationAlgorithm, &'static [u8]),
    Ed,
}

impl Algorithm {
    /// The name, as tokens and flags give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    fn family(self) -> Family {
        use signature as s;
        match self {
            Self::Hs256 => Family::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Family::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Family::Hmac(hmac::HMAC_SHA512),
            Self::Rs256 => Family::Rsa(&s::RSA_PKCS1_SHA256, &s::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Family::Rsa(&s::RSA_PKCS1_SHA384, &s::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Family::Rsa(&s::RSA_PKCS1_SHA512, &s::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Family::Rsa(&s::RSA_PSS_SHA256, &s::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Family::Rsa(&s::RSA_PSS_SHA384, &s::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Family::Rsa(&s::RSA_PSS_SHA512, &s::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => {
                Family::Ec(&s::ECDSA_P256_SHA256_FIXED_SIGNING, &s::ECDSA_P256_SHA256_FIXED, P256)
            }
            Self::Es384 => {
                Family::Ec(&s::ECDSA_P384_SHA384_FIXED_SIGNING, &s::ECDSA_P384_SHA384_FIXED, P384)
            }
            Self::EdDsa => Family::Ed,
        }
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(method: &str) -> Result<Self, Error> {
        let known = ALL.into_iter().find(|algorithm| algorithm.name() == method);
        known.ok_or_else(|| Error::Method { method: method.to_owned() })
    }
}

/// The key of a method.
pub(super) enum Key {
    Secret(hmac::Key),
    Pair(Option<Private>, Public),
}

pub(super) enum Private {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

pub(super) struct Public {
    verifier: &'static dyn VerificationAlgorithm,
    bits: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    pub(super) fn read(algorithm: Algorithm, files: KeyFiles<'_>) -> Result<Self, Error> {
        let missing = Error::MissingKey { method: algorithm.name() };
        let family = algorithm.family();
        if let Family::Hmac(digest) = family {
            let secret = files.private.filter(|secret| !secret.is_empty()).ok_or(missing)?;
            return Ok(Self::Secret(hmac::Key::new(digest, secret)));
        }
        let unreadable =
            |which| move |reason: String| Error::Key { which, method: algorithm.name(), reason };
        let private = files.private.map(|file| family.private(file)).transpose();
        let private = private.map_err(unreadable("priv-key"))?;
        let public = files.public.map(|file| family.public(file)).transpose();
        let public = public.map_err(unreadable("pub-key"))?;
        let own = private.as_ref().map(Private::public_bits);
        let bits = match (own, public) {
            (None, None) => return Err(missing),
            (Some(own), Some(public)) if own != public => return Err(Error::Mismatch),
            (Some(bits), _) | (None, Some(bits)) => bits,
        };
        Ok(Self::Pair(private, Public { verifier: family.verifier(), bits }))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        // The engine takes no other source of randomness.
        let random = SystemRandom::new();
        match self {
            Self::Secret(secret) => Ok(hmac::sign(secret, message).as_ref().to_vec()),
            Self::Pair(None, _) => Err(Error::VerifyOnly),
            Self::Pair(Some(Private::Rsa(pair, encoding)), _) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).map_err(|_| Error::Sign)?;
                Ok(signature)
            }
            Self::Pair(Some(Private::Ec(pair)), _) => {
                let signature = pair.sign(&random, message).map_err(|_| Error::Sign)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Pair(Some(Private::Ed(pair)), _) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(secret) => hmac::verify(secret, message, signature).is_ok(),
            Self::Pair(_, Public { verifier, bits }) => {
                UnparsedPublicKey::new(*verifier, bits).verify(message, signature).is_ok()
            }
        }
    }
}

impl Private {
    fn public_bits(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair, _) => pair.public_key().as_ref().to_vec(),
            Self::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Self::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }
}

impl Family {
    fn verifier(&self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rsa(_, verifier) | Self::Ec(_, verifier, _) => *verifier,
            Self::Ed | Self::Hmac(_) => &signature::ED25519,
        }
    }

    fn private(&self, file: &[u8]) -> Result<Private, String> {
        let labels: &[&str] = match self {
            Self::Rsa(..) => &[PKCS8, RSA_PRIVATE],
            Self::Ec(..) => &[PKCS8, EC_PRIVATE],
            Self::Ed | Self::Hmac(_) => &[PKCS8],
        };
        let block = find(file, labels).ok_or_else(|| format!("no PEM block of {labels:?}"))?;
        let der = &block.der;
        let rejected = |error: ring::error::KeyRejected| error.to_string();
        match self {
            Self::Rsa(encoding, _) => {
                let pair = match block.label.as_str() {
                    RSA_PRIVATE => RsaKeyPair::from_der(der),
                    _ => RsaKeyPair::from_pkcs8(der),
                };
                Ok(Private::Rsa(Box::new(pair.map_err(rejected)?), *encoding))
            }
            Self::Ec(algorithm, _, curve) => {
                let wrapped = match block.label.as_str() {
                    EC_PRIVATE => wrap_private(der, &[EC, curve]),
                    _ => der.clone(),
                };
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, &wrapped, &SystemRandom::new());
                Ok(Private::Ec(pair.map_err(rejected)?))
            }
            Self::Ed | Self::Hmac(_) => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(rejected)?;
                Ok(Private::Ed(pair))
            }
        }
    }

    fn public(&self, file: &[u8]) -> Result<Vec<u8>, String> {
        let (labels, ids): (&[&str], &[&[u8]]) = match self {
            Self::Rsa(..) => (&[PUBLIC, CERTIFICATE, RSA_PUBLIC], &[RSA]),
            Self::Ec(_, _, curve) => (&[PUBLIC, CERTIFICATE], &[EC, curve]),
            Self::Ed | Self::Hmac(_) => (&[PUBLIC, CERTIFICATE], &[ED25519]),
        };
        let block = find(file, labels).ok_or_else(|| format!("no PEM block of {labels:?}"))?;
        if block.label == RSA_PUBLIC {
            return Ok(block.der);
        }
        let info = match block.label.as_str() {
            CERTIFICATE => certified(&block.der).ok_or("the certificate is damaged")?,
            _ => &block.der,
        };
        public_bits(info, ids).ok_or_else(|| "it is of another kind".to_owned())
    }
}
