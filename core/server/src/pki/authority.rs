//! Who signs certificates.

use super::PkiError;
use crate::access::User;
use quorate_auth::certificate::subject;
use quorate_seams::WallTime;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);
/// Clocks differ: what is signed is good since a day ago.
const SLACK: Duration = DAY;
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(3650);
const LIFE: Duration = DAY.saturating_mul(365);

/// A certificate and its key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// Keys are secrets.
impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// An authority that signs certificates.
#[derive(Debug)]
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, rcgen::KeyPair>,
}

fn failed(subject: &str) -> impl Fn(rcgen::Error) -> PkiError + '_ {
    |error| PkiError::Make { subject: subject.to_owned(), reason: error.to_string() }
}

/// A new private key, in PEM.
pub(super) fn new_key() -> Result<String, PkiError> {
    rcgen::KeyPair::generate().map(|key| key.serialize_pem()).map_err(failed("service accounts"))
}

impl Authority {
    /// A new authority, good for ten years.
    ///
    /// # Errors
    /// The name cannot be in a certificate.
    pub fn create(name: &str, now: WallTime) -> Result<Self, PkiError> {
        let mut params = of_authority(name);
        good_for(&mut params, AUTHORITY_LIFE, now);
        let key = rcgen::KeyPair::generate().map_err(failed(name))?;
        let certificate = params.self_signed(&key).map_err(failed(name))?.pem();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// The authority that [`Authority::create`] made.
    ///
    /// # Errors
    /// One of both cannot be read, or the certificate is not made by it.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, PkiError> {
        let what = "the certificate of the authority";
        let der = CertificateDer::from_pem_slice(certificate.as_bytes());
        let der = der.map_err(|error| PkiError::Content { what, reason: error.to_string() })?;
        let name = subject(&der).map(|subject| subject.common_name).unwrap_or_default();
        if name.is_empty() {
            let reason = "it has no common name".to_owned();
            return Err(PkiError::Content { what, reason });
        }
        let key = rcgen::KeyPair::from_pem(key).map_err(|error| PkiError::Content {
            what: "the key of the authority",
            reason: error.to_string(),
        })?;
        let issuer = Issuer::new(of_authority(&name), key);
        Ok(Self { certificate: certificate.to_owned(), issuer })
    }

    /// Its certificate, in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its private key, in PEM.
    #[must_use]
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for a server that is reached by these names and addresses, good for a year.
    ///
    /// # Errors
    /// One of them is neither.
    pub fn server(&self, hosts: &[String], now: WallTime) -> Result<KeyPair, PkiError> {
        let told = hosts.join(", ");
        let mut params = CertificateParams::new(hosts).map_err(failed(&told))?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "quorate-server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, &told, now)
    }

    /// A certificate for a user with its group, good for a year.
    ///
    /// # Errors
    /// The names cannot be in a certificate, or there are several groups: what makes the certificate
    /// has room for one.
    pub fn client(&self, user: &User, now: WallTime) -> Result<KeyPair, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if let [_, _, ..] = user.groups[..] {
            let reason = format!("several groups ({}): give one", user.groups.join(", "));
            return Err(PkiError::Make { subject: user.name.clone(), reason });
        }
        for group in &user.groups {
            params.distinguished_name.push(DnType::OrganizationName, group.as_str());
        }
        params.distinguished_name.push(DnType::CommonName, user.name.as_str());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, &user.name, now)
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        told: &str,
        now: WallTime,
    ) -> Result<KeyPair, PkiError> {
        good_for(&mut params, LIFE, now);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = rcgen::KeyPair::generate().map_err(failed(told))?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed(told))?;
        Ok(KeyPair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// The same every time, so that the authority can be made again from its name and its key.
fn of_authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn good_for(params: &mut CertificateParams, life: Duration, now: WallTime) {
    let now = SystemTime::UNIX_EPOCH + now.0;
    params.not_before = now.checked_sub(SLACK).unwrap_or(SystemTime::UNIX_EPOCH).into();
    params.not_after = (now + life).into();
}
