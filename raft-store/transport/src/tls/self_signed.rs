//! Certificates that a member makes for itself.

use super::options::{TlsError, TlsOptions};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate for hosts, valid for so many years from `now` (time since 1970), in a directory: the
/// one that is there, or a new one. The rest of the options stays.
///
/// # Errors
/// The directory or its files cannot be written.
pub fn self_signed(
    dir: &Path,
    hosts: &[String],
    years: u32,
    now: Duration,
    options: TlsOptions,
) -> Result<TlsOptions, TlsError> {
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    if !cert.exists() || !key.exists() {
        let (cert_pem, key_pem) = make(hosts, years, now)
            .map_err(|error| TlsError::Config(format!("no certificate for {hosts:?}: {error}")))?;
        let failed = |source| TlsError::File { path: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(failed)?;
        write(&key, &key_pem)?;
        write(&cert, &cert_pem)?;
    }
    Ok(TlsOptions { cert_file: Some(cert), key_file: Some(key), self_signed: true, ..options })
}

fn make(hosts: &[String], years: u32, now: Duration) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::OrganizationName, "etcd");
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let begin = SystemTime::UNIX_EPOCH + now;
    params.not_before = (begin - DAY).into();
    params.not_after = (begin + DAY * 365 * years).into();
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    let failed = |source| TlsError::File { path: path.to_owned(), source };
    let mut options = std::fs::File::options();
    let options = options.create(true).truncate(true).write(true).mode(0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)
}
