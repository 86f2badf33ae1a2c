//! The socket: TLS with both versions of HTTP, and bounds on what connections may take.

use crate::client::Client;
use crate::world::World;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use quorate_resources::Objects;
use quorate_seams::{Clock, ManualClock, OsDisk, Seams, SeededRandom};
use quorate_server::pki::Pki;
use quorate_server::{Api, Server, ServerOptions, ServerTls};
use quorate_store::MemoryStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A connection that trusts the cluster's authority and shows the certificate of somebody.
async fn connect(
    world: &World,
    home: &Path,
    user: Option<&str>,
    protocol: &[u8],
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(home.join("pki/ca.crt")).unwrap()).unwrap();
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
    let mut config = match user {
        None => builder.with_no_client_auth(),
        Some(user) => {
            let certificate =
                CertificateDer::from_pem_file(home.join(format!("{user}.crt"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(home.join(format!("{user}.key"))).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(world.server.address()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Who the server takes the connection's other end for, over HTTP/2 or HTTP/1.1.
async fn who(
    world: &World,
    home: &Path,
    user: Option<&str>,
    token: Option<&str>,
    two: bool,
) -> (u16, Value) {
    let stream = connect(world, home, user, if two { b"h2" } else { b"http/1.1" }).await;
    let uri = "https://127.0.0.1/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let mut request =
        Request::builder().method("POST").uri(uri).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.header("host", "127.0.0.1").body(Full::new(Bytes::from("{}"))).unwrap();
    let io = TokioIo::new(stream);
    let response = if two {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        drop(quorate_seams::spawn_detached(connection));
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        drop(quorate_seams::spawn_detached(connection));
        sender.send_request(request).await.unwrap()
    };
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    (
        code,
        if code == 201 {
            answer["status"]["userInfo"]["username"].clone()
        } else {
            answer["reason"].clone()
        },
    )
}

#[tokio::test]
async fn certificates_and_tokens_say_who_calls_over_both_versions_of_http() {
    let home = tempfile::tempdir().unwrap();
    let world = World::secured(home.path()).await;
    for two in [true, false] {
        let who = async |user, token| who(&world, home.path(), user, token, two).await;
        assert_eq!(who(Some("alice"), None).await, (201, json!("alice")));
        assert_eq!(who(None, Some("bob-token")).await, (201, json!("bob")));
        assert_eq!(
            who(Some("alice"), Some("bob-token")).await,
            (201, json!("alice")),
            "the certificate comes first"
        );
        assert_eq!(who(Some("eve"), None).await, (401, json!("Unauthorized")));
        assert_eq!(
            who(Some("eve"), Some("bob-token")).await,
            (201, json!("bob")),
            "one good one is enough"
        );
        assert_eq!(who(None, Some("guessed")).await, (401, json!("Unauthorized")));
        assert_eq!(who(None, None).await, (403, json!("Forbidden")), "anonymous");
    }
}

fn objects(clock: Arc<ManualClock>) -> Objects {
    let store = MemoryStore::new(clock.clone());
    let seams = Seams { clock, random: Arc::new(SeededRandom::new(7)), disk: Arc::new(OsDisk) };
    Objects::new(store, Arc::new(quorate_kinds::registry()), seams)
}

#[tokio::test]
async fn a_silent_handshake_ends_in_bounded_time() {
    let clock = ManualClock::new();
    let home = tempfile::tempdir().unwrap();
    let pki = Pki::open(home.path(), &["localhost".to_owned()], clock.wall()).unwrap();
    let tls = ServerTls::new(pki.server.certificate.as_bytes(), pki.server.key.as_bytes(), None);
    let options = ServerOptions::new().tls(tls.unwrap());
    let api = Api::new(objects(clock.clone()));
    let server = Server::start_with(api, "127.0.0.1:0", options).await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let real = Seams::system().clock;
    // Time passes only here; when the server has begun to wait is not seen from outside.
    let mut byte = [0];
    let ended = async {
        loop {
            let read =
                quorate_seams::timeout(&*real, Duration::from_millis(5), stream.read(&mut byte));
            match read.await {
                Some(read) => return read,
                None => clock.advance(Duration::from_secs(1)),
            }
        }
    };
    let ended = quorate_seams::timeout(&*real, Duration::from_secs(30), ended).await;
    assert!(matches!(ended.expect("it ends"), Ok(0) | Err(_)));
    server.stop().await;
}

#[tokio::test]
async fn there_are_never_more_connections_than_allowed() {
    let api = Api::new(objects(ManualClock::new()));
    let options = ServerOptions::new().max_connections(1);
    let server = Server::start_with(api, "127.0.0.1:0", options).await.unwrap();
    let mut first = Client::to(server.address()).await;
    assert_eq!(first.get("/version").await.0, 200);
    let mut second = Client::to(server.address()).await;
    let mut waiting = Box::pin(second.get("/version"));
    // The first is still served, and however often it is, the second is not.
    for _ in 0..20 {
        assert_eq!(first.get("/version").await.0, 200);
        assert!(futures::poll!(&mut waiting).is_pending());
    }
    drop(first);
    assert_eq!(waiting.await.0, 200);
    server.stop().await;
}
