//! Members that call each other under TLS, with certificates made here.

use super::{TlsOptions, TlsVersion, self_signed};
use crate::{GrpcTransport, Identity, KeepAlive, Listener, Server, Url, describe};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use quorate_raft::{Inbound, Lane, Method, Peer, Transport};
use quorate_seams::SystemClock;
use quorate_types::{ClusterId, MemberId};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const KEEP_ALIVE: KeepAlive =
    KeepAlive { interval: Duration::from_millis(500), timeout: Duration::from_secs(5) };
const LIMIT: Duration = Duration::from_secs(10);

struct Echo;

#[async_trait]
impl Inbound for Echo {
    async fn call(&self, _: Method, body: Bytes) -> Result<Bytes, String> {
        Ok(body)
    }

    fn append(
        &self,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, String>> {
        requests.map(Ok).boxed()
    }

    async fn snapshot(
        &self,
        _: BoxStream<'static, Result<Bytes, String>>,
    ) -> Result<Bytes, String> {
        Ok(Bytes::new())
    }
}

/// An authority and what it signs, in a directory of its own.
struct Authority {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(dir.path().join("ca.pem"), pem).unwrap();
        Self { dir, issuer: Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Options of a side whose certificate has a common name and is valid for `host` on this machine.
    fn options(&self, name: &str, host: &str, serial: u8) -> TlsOptions {
        let hosts = vec![host.to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        let (cert_file, key_file) =
            (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&cert_file, cert.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        TlsOptions {
            cert_file: Some(cert_file),
            key_file: Some(key_file),
            trusted_ca_file: Some(self.path("ca.pem")),
            client_cert_auth: true,
            ..TlsOptions::default()
        }
    }

    fn revoke(&self, serial: u8) -> PathBuf {
        let at = rcgen::date_time_ymd(2024, 1, 1);
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[serial]),
            revocation_time: at,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: at,
            next_update: rcgen::date_time_ymd(2024, 1, 8),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.path("crl.pem");
        std::fs::write(&path, list.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        path
    }
}

async fn serve(urls: &str, options: &TlsOptions) -> (Server, String) {
    let urls = Url::list(urls).unwrap();
    let tls = Some(options.server().unwrap());
    let listener = Listener::bind_urls(&urls, tls).await.unwrap();
    let at = listener.local_addr().port();
    let identity = Identity { cluster: ClusterId(7), member: MemberId(2) };
    let server = listener.serve(identity, KEEP_ALIVE, Arc::new(Echo), SystemClock::shared());
    (server, format!("https://127.0.0.1:{at}"))
}

async fn call(addr: &str, options: Option<&TlsOptions>) -> Result<Bytes, String> {
    let identity = Identity { cluster: ClusterId(7), member: MemberId(1) };
    let caller = GrpcTransport::new(identity, SystemClock::shared(), KEEP_ALIVE);
    let caller = caller.with_tls(options.map(|options| options.client().unwrap()));
    let to = Peer { id: MemberId(2), addr: addr.to_owned(), lane: Lane::Forward };
    let called = caller.call(&to, Method::Hello, "hello".into(), LIMIT).await;
    called.map_err(|error| error.to_string())
}

const ANY: &str = "https://127.0.0.1:0";

#[tokio::test]
async fn members_of_one_authority_reach_each_other_and_nobody_else_does() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (_server, addr) = serve(ANY, &ours.options("two", "two.local", 2)).await;
    assert_eq!(call(&addr, Some(&ours.options("one", "one.local", 1))).await.unwrap(), "hello");
    let stranger = TlsOptions {
        trusted_ca_file: Some(ours.path("ca.pem")),
        ..theirs.options("one", "one.local", 1)
    };
    call(&addr, Some(&stranger)).await.unwrap_err();
    call(&addr, None).await.unwrap_err();
    call(&addr.replace("https", "http"), None).await.unwrap_err();
}

#[tokio::test]
async fn a_name_that_is_not_allowed_is_refused_though_the_certificate_is_good() {
    let authority = Authority::new();
    let one = authority.options("one", "one.local", 1);
    let two = || authority.options("two", "two.local", 2);
    for (allowed_cn, allowed_hostname, fits) in [
        (vec!["one"], vec![], true),
        (vec!["three", "one"], vec!["one.local"], true),
        (vec!["three"], vec![], false),
        (vec![], vec!["two.local"], false),
        (vec!["one"], vec!["two.local"], false),
    ] {
        let texts = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        let (allowed_cn, allowed_hostname) = (texts(allowed_cn), texts(allowed_hostname));
        let options = TlsOptions { allowed_cn, allowed_hostname, ..two() };
        let (_server, addr) = serve(ANY, &options).await;
        assert_eq!(call(&addr, Some(&one)).await.is_ok(), fits, "{options:?}");
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_even_by_a_list_that_is_out_of_date() {
    let authority = Authority::new();
    let crl_file = Some(authority.revoke(9));
    let two = TlsOptions { crl_file, ..authority.options("two", "two.local", 2) };
    let (_server, addr) = serve(ANY, &two).await;
    let (good, revoked) =
        (authority.options("a", "a.local", 1), authority.options("b", "b.local", 9));
    assert!(call(&addr, Some(&good)).await.is_ok());
    call(&addr, Some(&revoked)).await.unwrap_err();
}

#[tokio::test]
async fn an_authority_that_is_trusted_may_call_itself_and_another_may_not() {
    let (ours, other) = (Authority::new(), Authority::new());
    let as_itself = |authority: &Authority| {
        let key = authority.path("ca.key");
        std::fs::write(&key, authority.issuer.key().serialize_pem()).unwrap();
        let mut options = ours.options("one", "one.local", 1);
        (options.cert_file, options.key_file) = (Some(authority.path("ca.pem")), Some(key));
        options
    };
    let (_server, addr) = serve(ANY, &ours.options("two", "two.local", 2)).await;
    assert!(call(&addr, Some(&as_itself(&ours))).await.is_ok());
    call(&addr, Some(&as_itself(&other))).await.unwrap_err();
}

#[tokio::test]
async fn one_address_takes_both_kinds_of_connections_if_both_urls_name_it() {
    let authority = Authority::new();
    let two = authority.options("two", "two.local", 2);
    // The host that the certificates name, and a port from which no connection leaves.
    let port = quorate_seams::unused_loopback(1).unwrap()[0].port();
    let free = format!("127.0.0.1:{port}");
    let urls = format!("http://{free},https://{free}");
    let (_server, secure) = serve(&urls, &two).await;
    assert!(call(&secure, Some(&authority.options("one", "one.local", 1))).await.is_ok());
    assert!(call(&format!("http://{free}"), None).await.is_ok());
}

#[tokio::test]
async fn certificates_that_members_made_themselves_encrypt() {
    let dir = tempfile::tempdir().unwrap();
    let now = Duration::from_secs(1_800_000_000);
    let make = |versions| {
        let (min_version, max_version) = versions;
        let options = TlsOptions { min_version, max_version, ..TlsOptions::default() };
        self_signed(dir.path(), &["localhost".to_owned()], 1, now, options).unwrap()
    };
    let (_server, addr) = serve(ANY, &make((Some(TlsVersion::Tls13), None))).await;
    let first = std::fs::read(dir.path().join("cert.pem")).unwrap();
    assert!(call(&addr, Some(&make((None, None)))).await.is_ok());
    assert_eq!(std::fs::read(dir.path().join("cert.pem")).unwrap(), first, "made once");
    call(&addr, Some(&make((None, Some(TlsVersion::Tls12))))).await.unwrap_err();
}

#[tokio::test]
async fn a_unix_socket_and_the_second_of_two_urls_are_reached() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("member.sock");
    let unix = format!("unix://{}", path.display());
    let listener = Listener::bind_urls(&Url::list(&unix).unwrap(), None).await.unwrap();
    let identity = Identity { cluster: ClusterId(7), member: MemberId(2) };
    let server = listener.serve(identity, KEEP_ALIVE, Arc::new(Echo), SystemClock::shared());
    let nobody = quorate_seams::unused_loopback(1).unwrap()[0];
    assert!(call(&format!("http://{nobody},{unix}"), None).await.is_ok());
    server.stop().await;
    assert!(!path.exists(), "the file goes with the socket");
}

#[tokio::test]
async fn who_listens_without_a_certificate_is_told() {
    let urls = Url::list(ANY).unwrap();
    let error = Listener::bind_urls(&urls, None).await.unwrap_err().to_string();
    assert!(error.contains("https://127.0.0.1:0") && error.contains("certificate"), "{error}");
    let error = describe(&Url::list("http://127.0.0.1:1").unwrap(), None, KEEP_ALIVE).await;
    error.unwrap_err();
}
