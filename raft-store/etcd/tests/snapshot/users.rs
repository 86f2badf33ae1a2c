//! Users, roles and permissions move along, and so does the switch.

use crate::client::Client;
use crate::ours::{Ours, imported};
use crate::peer::{Login, peers};
use quorate_etcd::proto::authpb;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_etcd::snapshot::SnapshotFile;
use tonic::{Code, Request};

const ROOT: Login<'_> = ("root", "secret");

/// A root, and a user who may write below `k`; then the switch.
async fn people(client: &mut Client) {
    for (name, password) in [ROOT, ("ann", "pass")] {
        let (name, password) = (name.into(), password.into());
        let user = pb::AuthUserAddRequest { name, password, ..Default::default() };
        client.auth.user_add(user).await.unwrap();
    }
    for (role, user) in [("root", "root"), ("writer", "ann")] {
        client.auth.role_add(pb::AuthRoleAddRequest { name: role.into() }).await.unwrap();
        let grant = pb::AuthUserGrantRoleRequest { user: user.into(), role: role.into() };
        client.auth.user_grant_role(grant).await.unwrap();
    }
    let perm_type = authpb::permission::Type::Readwrite.into();
    let perm = authpb::Permission { perm_type, key: "k".into(), range_end: "l".into() };
    let grant = pb::AuthRoleGrantPermissionRequest { name: "writer".into(), perm: Some(perm) };
    client.auth.role_grant_permission(grant).await.unwrap();
    client.auth.auth_enable(pb::AuthEnableRequest {}).await.unwrap();
}

async fn put(client: &mut Client, login: Option<Login<'_>>, key: &str) -> Result<(), Code> {
    let value = "v".into();
    let mut request =
        Request::new(pb::PutRequest { key: key.to_owned().into(), value, ..Default::default() });
    if let Some((name, password)) = login {
        let request_token =
            pb::AuthenticateRequest { name: name.into(), password: password.into() };
        let token =
            client.auth.authenticate(request_token).await.map_err(|status| status.code())?;
        let token = token.into_inner().token.parse().unwrap();
        request.metadata_mut().insert("token", token);
    }
    client.kv.put(request).await.map(drop).map_err(|status| status.code())
}

/// Everyone may do what they may do.
async fn assert_known(client: &mut Client) {
    assert_eq!(put(client, Some(("ann", "pass")), "k1").await, Ok(()));
    assert_eq!(put(client, Some(("ann", "pass")), "z").await, Err(Code::PermissionDenied));
    assert_eq!(put(client, Some(("ann", "wrong")), "k1").await, Err(Code::InvalidArgument));
    assert_eq!(put(client, Some(ROOT), "z").await, Ok(()));
    assert_eq!(put(client, None, "k1").await, Err(Code::InvalidArgument));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_roles_move_into_a_real_etcd() {
    for peer in peers("users_and_roles_move_into_a_real_etcd") {
        let root = tempfile::tempdir().unwrap();
        let ours = Ours::start(&root.path().join("ours")).await;
        let mut client = ours.client().await;
        people(&mut client).await;
        assert_known(&mut client).await;
        let file = root.path().join("snapshot");
        peer.save_as(Some(ROOT), ours.addr, &file);
        let dir = root.path().join("theirs");
        peer.restore(&file, &dir);
        let etcd = peer.start(&dir, &[]).await;
        assert_known(&mut etcd.client().await).await;
        ours.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_roles_move_in_from_a_real_etcd() {
    for peer in peers("users_and_roles_move_in_from_a_real_etcd") {
        let root = tempfile::tempdir().unwrap();
        let etcd = peer.start(&root.path().join("theirs"), &["--bcrypt-cost", "4"]).await;
        let mut real = etcd.client().await;
        people(&mut real).await;
        assert_known(&mut real).await;
        let file = root.path().join("snapshot");
        peer.save_as(Some(ROOT), etcd.addr, &file);
        let dir = root.path().join("ours");
        let told = imported(SnapshotFile::open(&file).unwrap(), &dir).await.unwrap();
        assert_eq!((told.users, told.roles), (2, 2));
        let ours = Ours::start(&dir).await;
        assert_known(&mut ours.client().await).await;
        ours.stop().await;
    }
}
