//! The Auth service's own rules and words.

use crate::client::{Client, denied, refusal, told};
use crate::cluster::Cluster;
use quorate_etcd::proto::authpb;
use quorate_etcd::proto::authpb::permission::Type;
use quorate_etcd::proto::etcdserverpb as pb;
use tonic::Code::{
    FailedPrecondition, InvalidArgument, PermissionDenied, Unauthenticated, Unknown,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authentication_is_switched_on_by_a_root_and_off_again() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    assert_eq!(client.enable().await, refusal(FailedPrecondition, "root user does not exist"));
    client.user_add("root", "secret").await.unwrap();
    let words = "root user does not have root role";
    assert_eq!(client.enable().await, refusal(FailedPrecondition, words));
    let signed = told(client.token_for("root", "secret").await);
    assert_eq!(signed, refusal(FailedPrecondition, "authentication is not enabled"));
    client.grant_role("root", "root").await.unwrap();
    client.put("open", "to all").await.unwrap();
    client.enable().await.unwrap();

    let status = client.auth().auth_status(pb::AuthStatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.enabled, status.auth_revision), (true, 3));
    assert_eq!(client.put("k", "v").await, refusal(InvalidArgument, "user name is empty"));
    let nobody = client.with("nobody.1");
    assert_eq!(nobody.put("k", "v").await, refusal(Unauthenticated, "invalid auth token"));
    for (name, password) in [("root", "wrong"), ("nobody", "secret"), ("", "")] {
        let words = "authentication failed, invalid user ID or password";
        let signed = told(client.token_for(name, password).await);
        assert_eq!(signed, refusal(InvalidArgument, words), "{name}");
    }
    let root = client.sign_in("root", "secret").await;
    root.put("k", "v").await.unwrap();
    root.auth().auth_disable(root.ask(pb::AuthDisableRequest {})).await.unwrap();
    client.put("k", "v").await.unwrap();
    // A token is not looked at while nothing is checked.
    nobody.put("k", "v").await.unwrap();
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_changes_have_etcds_words() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (root, alice) = client.secure().await;
    let failed = |words| refusal::<()>(FailedPrecondition, words);
    let invalid = |words| refusal::<()>(InvalidArgument, words);
    assert_eq!(root.user_add("", "x").await, invalid("user name is empty"));
    assert_eq!(root.user_add("alice", "x").await, failed("user name already exists"));
    assert_eq!(root.role_add("").await, invalid("role name is empty"));
    assert_eq!(root.role_add("role").await, failed("role name already exists"));
    assert_eq!(root.grant_role("nobody", "role").await, failed("user name not found"));
    assert_eq!(root.grant_role("alice", "none").await, failed("role name not found"));
    root.grant_role("alice", "role").await.unwrap();
    let read = Type::Read;
    assert_eq!(root.grant("none", read, ("k", "")).await, failed("role name not found"));
    for range in [("", ""), ("b", "a"), ("b", "b")] {
        assert_eq!(root.grant("role", read, range).await, invalid("invalid auth management"));
    }
    let words = "permission is not granted to the role";
    assert_eq!(root.revoke("role", ("k", "")).await, failed(words));
    let nothing = pb::AuthRoleGrantPermissionRequest { name: "role".into(), perm: None };
    let nothing = told(root.auth().role_grant_permission(root.ask(nothing)).await).map(|_| ());
    assert_eq!(nothing, invalid("permission not given"));

    let mut auth = root.auth();
    let revoke = pb::AuthUserRevokeRoleRequest { name: "alice".into(), role: "none".into() };
    let revoked = told(auth.user_revoke_role(root.ask(revoke)).await).map(|_| ());
    assert_eq!(revoked, failed("role is not granted to the user"));
    // Nobody would be in charge.
    let user = pb::AuthUserDeleteRequest { name: "root".into() };
    let deleted = told(auth.user_delete(root.ask(user)).await).map(|_| ());
    assert_eq!(deleted, invalid("invalid auth management"));
    let role = pb::AuthRoleDeleteRequest { role: "root".into() };
    let deleted = told(auth.role_delete(root.ask(role)).await).map(|_| ());
    assert_eq!(deleted, invalid("invalid auth management"));

    assert_eq!(alice.user_add("mallory", "x").await, denied());
    assert_eq!(alice.grant_role("alice", "root").await, denied());
    assert_eq!(client.user_add("mallory", "x").await, invalid("user name is empty"));
    let long = told(
        root.auth()
            .user_add(root.ask(pb::AuthUserAddRequest {
                name: "long".into(),
                password: "x".repeat(73),
                ..Default::default()
            }))
            .await,
    );
    assert_eq!(long.unwrap_err(), (Unknown, "bcrypt: password length exceeds 72 bytes".to_owned()));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_roles_are_told_to_those_they_concern() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (root, alice) = client.secure().await;
    let mut auth = client.auth();
    let list = auth.user_list(root.ask(pb::AuthUserListRequest {})).await.unwrap().into_inner();
    assert_eq!(list.users, ["alice", "root"]);
    let list = auth.role_list(root.ask(pb::AuthRoleListRequest {})).await.unwrap().into_inner();
    assert_eq!(list.roles, ["role", "root"]);
    let user = |name: &str| pb::AuthUserGetRequest { name: name.into() };
    let own = auth.user_get(alice.ask(user("alice"))).await.unwrap().into_inner();
    assert_eq!(own.roles, ["role"]);
    let role = |role: &str| pb::AuthRoleGetRequest { role: role.into() };
    let own = auth.role_get(alice.ask(role("role"))).await.unwrap().into_inner();
    let both = Type::Readwrite.into();
    let granted = authpb::Permission { perm_type: both, key: "a/".into(), range_end: "a0".into() };
    assert_eq!(own.perm, [granted]);
    let all = auth.role_get(root.ask(role("root"))).await.unwrap().into_inner();
    let everything = authpb::Permission { perm_type: both, key: "".into(), range_end: "\0".into() };
    assert_eq!(all.perm, [everything]);
    for refused in [
        told(auth.user_get(alice.ask(user("root"))).await).map(|_| ()),
        told(auth.role_get(alice.ask(role("root"))).await).map(|_| ()),
        told(auth.user_list(alice.ask(pb::AuthUserListRequest {})).await).map(|_| ()),
        told(auth.role_list(alice.ask(pb::AuthRoleListRequest {})).await).map(|_| ()),
    ] {
        assert_eq!(refused.unwrap_err().0, PermissionDenied);
    }
    let missing = told(auth.user_get(root.ask(user("nobody"))).await).map(|_| ());
    assert_eq!(missing, refusal(FailedPrecondition, "user name not found"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_password_signs_in_with_none() {
    let cluster = Cluster::one().await;
    let client = Client::connect(cluster.endpoints[0]).await;
    let (root, _) = client.secure().await;
    let add = pb::AuthUserAddRequest {
        name: "certified".into(),
        password: "ignored".into(),
        options: Some(authpb::UserAddOptions { no_password: true }),
        ..Default::default()
    };
    root.auth().user_add(root.ask(add)).await.unwrap();
    let words = "auth: authentication failed, password was given for no password user".to_owned();
    for password in ["ignored", ""] {
        let signed = told(client.token_for("certified", password).await);
        assert_eq!(signed, Err((Unknown, words.clone())));
    }
    cluster.stop().await;
}
