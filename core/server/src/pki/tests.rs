use super::*;
use crate::ServerTls;
use crate::access::{Authenticator, Certificates, Credentials};
use quorate_seams::{Clock, ManualClock, SystemClock};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

fn hosts() -> Vec<String> {
    vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
}

fn shown(pair: &KeyPair) -> Credentials {
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    Credentials { certificates: Arc::from([certificate]), ..Credentials::default() }
}

#[tokio::test]
async fn a_directory_keeps_its_authority_and_its_files_to_itself() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("a/pki");
    let now = SystemClock::shared().wall();
    let first = Pki::open(&dir, &hosts(), now).unwrap();
    let second = Pki::open(&dir, &hosts(), now).unwrap();
    assert_eq!((&first.authority, &first.account_key), (&second.authority, &second.account_key));
    assert_ne!(first.admin, second.admin);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let all = ["admin.crt", "admin.key", "ca.crt", "ca.key", "sa.key", "server.crt", "server.key"];
    assert_eq!(names, all);
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    // What the first one signed is still good for the second.
    let users = Certificates::new(second.authority.as_bytes(), SystemClock::shared()).unwrap();
    let known = users.authenticate(&shown(&first.admin)).await.unwrap().unwrap();
    assert_eq!(known.user, admin());
    let tls = |pki: &Pki| {
        let (pair, authority) = (&pki.server, pki.authority.as_bytes());
        ServerTls::new(pair.certificate.as_bytes(), pair.key.as_bytes(), Some(authority))
    };
    assert!(tls(&second).is_ok());
    let mixed =
        Pki { server: KeyPair { key: second.admin.key.clone(), ..second.server }, ..second };
    assert!(tls(&mixed).is_err(), "certificate and key are no pair");
    std::fs::remove_file(dir.join("ca.key")).unwrap();
    assert!(matches!(Pki::open(&dir, &hosts(), now), Err(PkiError::Half { .. })));
}

#[tokio::test]
async fn certificates_of_others_of_servers_and_of_the_past_make_no_user() {
    let now = WallTime(Duration::from_secs(1_800_000_000));
    let own = Authority::create("own", now).unwrap();
    let other = Authority::create("own", now).unwrap();
    let clock = ManualClock::new();
    clock.advance(now.0.saturating_sub(clock.wall().0));
    let users = Certificates::new(own.certificate().as_bytes(), clock.clone()).unwrap();
    let alice = User::new("alice").with_group("dev");
    let good = shown(&own.client(&alice, now).unwrap());
    assert_eq!(users.authenticate(&good).await.unwrap().unwrap().user, alice);
    assert!(users.authenticate(&shown(&other.client(&alice, now).unwrap())).await.is_err());
    assert!(users.authenticate(&shown(&own.server(&hosts(), now).unwrap())).await.is_err());
    let nobody = own.client(&User::new(""), now).unwrap();
    assert!(!matches!(users.authenticate(&shown(&nobody)).await, Ok(Some(_))));
    assert!(users.authenticate(&Credentials::default()).await.unwrap().is_none());
    clock.advance(Duration::from_secs(366 * 86_400));
    assert!(users.authenticate(&good).await.is_err(), "it has ended");
    assert!(Certificates::new(b"", clock).is_err());
    assert!(own.client(&alice.with_group("ops"), now).is_err(), "one group is lost");
}
