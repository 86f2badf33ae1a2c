//! Cipher suites by name.

use super::options::TlsError;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite as ours, default_provider};
use rustls::{ProtocolVersion, SupportedCipherSuite};

/// The suites of TLS 1.2 that are supported, under the names that Go has or had for them.
const SUPPORTED: [(&str, SupportedCipherSuite); 8] = [
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ours::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", ours::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", ours::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ours::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ours::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", ours::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", ours::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ours::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// What etcd takes and this does not offer, because it is weak or of TLS 1.3, whose suites are always
/// offered: left out of a list, refused only where nothing else is left.
const LEFT_OUT: [&str; 17] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// Cryptography that offers the named suites of TLS 1.2, or all if none is named.
pub(crate) fn provider(names: &[String]) -> Result<CryptoProvider, TlsError> {
    let mut provider = default_provider();
    if names.is_empty() {
        return Ok(provider);
    }
    let mut chosen = Vec::new();
    for name in names {
        match SUPPORTED.iter().find(|(known, _)| known == name) {
            Some((_, suite)) => chosen.push(*suite),
            None if LEFT_OUT.contains(&name.as_str()) => {
                tracing::warn!(%name, "this cipher suite is not offered");
            }
            None => return Err(TlsError::Cipher(name.clone())),
        }
    }
    let of_13 = |suite: &SupportedCipherSuite| suite.version().version == ProtocolVersion::TLSv1_3;
    provider.cipher_suites.retain(of_13);
    provider.cipher_suites.extend(chosen);
    Ok(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_chosen_by_name_and_unknown_names_are_refused() {
        let all = provider(&[]).unwrap().cipher_suites.len();
        let one = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned()];
        let chosen = provider(&one).unwrap().cipher_suites;
        assert_eq!((chosen.len(), all), (4, 9), "three of TLS 1.3 stay");
        let error = provider(&["TLS_NONE".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "unexpected TLS cipher suite \"TLS_NONE\"");
        let weak = ["TLS_RSA_WITH_RC4_128_SHA".to_owned()];
        assert_eq!(provider(&weak).unwrap().cipher_suites.len(), 3);
    }
}
