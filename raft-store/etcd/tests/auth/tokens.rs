//! Tokens: on every member, for a while, and until what they stand for changes.

use crate::client::{Client, denied, refusal, told};
use crate::cluster::{Cluster, cheap};
use quorate_auth::jwt::{Algorithm, Jwt, KeyFiles};
use quorate_etcd::TokenKind;
use quorate_etcd::proto::authpb::permission::Type;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_seams::Seams;
use std::sync::Arc;
use std::time::Duration;
use tonic::Code::{InvalidArgument, Unauthenticated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_one_member_is_good_on_the_others_at_once() {
    let cluster = Cluster::of(3, cheap(), Seams::system()).await;
    let clients = [
        Client::connect(cluster.endpoints[0]).await,
        Client::connect(cluster.endpoints[1]).await,
        Client::connect(cluster.endpoints[2]).await,
    ];
    clients[0].secure().await;
    for (at, client) in clients.iter().enumerate() {
        // Not even the member that assigned it may have applied the entry before another is asked.
        for round in 0..5 {
            let token = client.token_for("alice", "alice-password").await.unwrap();
            for other in &clients {
                let alice = other.with(token.clone());
                alice.put("a/1", &format!("{at} {round}")).await.unwrap();
                assert_eq!(alice.get("a/", "a0").await, Ok(1));
                assert_eq!(alice.put("b", "v").await, denied());
            }
        }
    }
    // What a change takes away is gone on every member, whatever a token was good for before.
    // One that nobody was given is not waited for, whatever it says of itself.
    for client in &clients {
        let forged = client.with(format!("forged.{}", u64::MAX));
        let invalid = refusal(Unauthenticated, "invalid auth token");
        assert_eq!(forged.put("a/1", "v").await, invalid);
    }
    let root = clients[1].sign_in("root", "root-password").await;
    let tokens = clients[0].token_for("alice", "alice-password").await.unwrap();
    root.revoke("role", ("a/", "a0")).await.unwrap();
    for client in &clients {
        let alice = client.with(tokens.clone());
        let put = alice.put("a/1", "v").await.unwrap_err();
        let old = refusal::<()>(InvalidArgument, "revision of auth store is old").unwrap_err();
        assert!(put == denied::<()>().unwrap_err() || put == old, "{put:?}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_nobody_shows_ends_with_its_time() {
    let mut options = cheap();
    options.auth.tokens = TokenKind::Simple { ttl: Duration::from_secs(2) };
    let cluster = Cluster::of(1, options, Seams::system()).await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (_, alice) = client.secure().await;
    // Nothing but time ends it: every use would lengthen its life.
    Seams::system().clock.sleep(Duration::from_millis(2500)).await;
    let invalid = refusal::<()>(Unauthenticated, "invalid auth token");
    assert_eq!(alice.put("a/1", "v").await, invalid);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_with_its_password_and_its_user() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    client.secure().await;
    let invalid = refusal::<()>(Unauthenticated, "invalid auth token");
    let alice = client.sign_in("alice", "alice-password").await;
    let root = client.sign_in("root", "root-password").await;
    let change = pb::AuthUserChangePasswordRequest {
        name: "alice".into(),
        password: "another".into(),
        ..Default::default()
    };
    root.auth().user_change_password(root.ask(change)).await.unwrap();
    assert_eq!(alice.put("a/1", "v").await, invalid);
    assert!(client.token_for("alice", "alice-password").await.is_err());
    let alice = client.sign_in("alice", "another").await;
    let root = client.sign_in("root", "root-password").await;
    let delete = pb::AuthUserDeleteRequest { name: "alice".into() };
    root.auth().user_delete(root.ask(delete)).await.unwrap();
    assert_eq!(alice.put("a/1", "v").await, invalid);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_token_is_good_until_users_change() {
    let files = KeyFiles { private: Some(b"a secret of some length"), public: None };
    let jwt = Arc::new(Jwt::new(Algorithm::Hs256, files, Duration::from_secs(60)).unwrap());
    let mut options = cheap();
    options.auth.tokens = TokenKind::Jwt(Arc::clone(&jwt));
    let cluster = Cluster::of(1, options, Seams::system()).await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (root, alice) = client.secure().await;
    alice.put("a/1", "v").await.unwrap();
    assert_eq!(alice.put("b", "v").await, denied());
    let wall = Seams::system().clock.wall();
    let other = Jwt::new(
        Algorithm::Hs256,
        KeyFiles { private: Some(b"x"), public: None },
        Duration::from_secs(60),
    );
    let forged = client.with(other.unwrap().sign("root", 99, wall).unwrap());
    assert_eq!(forged.put("b", "v").await, refusal(Unauthenticated, "invalid auth token"));

    root.grant("role", Type::Readwrite, ("b", "")).await.unwrap();
    let old = refusal(InvalidArgument, "revision of auth store is old");
    assert_eq!(alice.put("b", "v").await, old);
    assert_eq!(
        alice.get("a/1", "").await,
        refusal(InvalidArgument, "revision of auth store is old")
    );
    client.sign_in("alice", "alice-password").await.put("b", "v").await.unwrap();
    // A token that is ours, of a user who never was.
    let revision = cluster.members[0].core().auth().await.unwrap().revision();
    let nobody = client.with(jwt.sign("nobody", revision, wall).unwrap());
    assert_eq!(nobody.put("b", "v").await, denied());
    let list = told(nobody.auth().user_list(nobody.ask(pb::AuthUserListRequest {})).await);
    assert!(list.is_err());
    cluster.stop().await;
}
