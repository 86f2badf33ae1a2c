//! The same requests to a real etcd and to ours: every answer is the same, code, text and payload.
//!
//! Takes the program named by `ETCD_BIN`, or `etcd` in the path; without one the test says SKIP.
//! Left out is what releases of etcd themselves answer differently: what nested transactions and puts
//! of transactions may read, leases and compaction of anonymous callers, ranges without a key.

use crate::client::{Client, put, told};
use crate::cluster::Cluster;
use prost::Message;
use quorate_etcd::proto::authpb;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_seams::{Random, SeededRandom, SystemClock, timeout};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tonic::{Code, Response, Status};

const STEPS: usize = 700;
const USERS: [&str; 4] = ["root", "a", "b", ""];
const ROLES: [&str; 4] = ["root", "r", "s", ""];
/// Ranges of which no two begin with the same key.
const RANGES: [(&str, &str); 5] = [("k", "\0"), ("k1", ""), ("k2", "k5"), ("a", "b"), ("k3", "k4")];
const KEYS: [&str; 5] = ["k1", "k2", "k3", "k4", "a1"];

struct Etcd {
    child: Child,
    addr: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unused() -> SocketAddr {
    quorate_seams::unused_loopback(1).unwrap()[0]
}

impl Etcd {
    async fn start() -> Option<Self> {
        let program = std::env::var("ETCD_BIN").unwrap_or_else(|_| "etcd".to_owned());
        let (addr, peer) = (unused(), unused());
        let dir = tempfile::tempdir().unwrap();
        let (client, peer) = (format!("http://{addr}"), format!("http://{peer}"));
        let child = Command::new(program)
            .arg("--data-dir")
            .arg(dir.path())
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"])
            .args(["--bcrypt-cost", "4"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let etcd = Self { child: child.ok()?, addr, _dir: dir };
        let clock = SystemClock::shared();
        let up = async {
            while tokio::net::TcpStream::connect(addr).await.is_err() {
                clock.sleep(Duration::from_millis(50)).await;
            }
            while Client::connect(addr).await.put("up", "1").await.is_err() {
                clock.sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(
            timeout(&*clock, Duration::from_secs(30), up).await.is_some(),
            "etcd does not come up"
        );
        Some(etcd)
    }
}

/// An answer without what differs between any two clusters: bytes of the message, or the refusal.
type Answer = Result<Vec<u8>, (Code, String)>;

macro_rules! answer {
    ($asked:expr) => {{
        let mut answer = told($asked).map(Response::into_inner);
        if let Ok(answer) = &mut answer {
            let revision = answer.header.take().map_or(0, |header| header.revision);
            answer.header = Some(pb::ResponseHeader { revision, ..Default::default() });
        }
        answer.map(|answer| answer.encode_to_vec())
    }};
}

#[derive(Clone, Debug)]
enum Step {
    SignIn(usize, bool),
    Enable,
    Disable,
    UserAdd(usize, bool),
    UserDelete(usize),
    Password(usize),
    GrantRole(usize, usize),
    RevokeRole(usize, usize),
    UserGet(usize),
    UserList,
    RoleAdd(usize),
    RoleDelete(usize),
    Grant(usize, usize, i32),
    Revoke(usize, usize),
    RoleGet(usize),
    RoleList,
    Put(usize, bool, i64),
    Range(usize),
    Delete(usize, bool),
    Txn(usize, usize),
    LeaseRevoke,
    LeaseGrant,
}

fn draw(random: &dyn Random) -> Step {
    let below = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap();
    let flag = || below(2) == 1;
    let lease = || if below(3) == 0 { 5 } else { 0 };
    match below(34) {
        0..=3 => Step::SignIn(below(4), below(5) == 0),
        4..=6 => Step::Enable,
        7 => Step::Disable,
        8..=10 => Step::UserAdd(below(4), below(6) == 0),
        11 => Step::UserDelete(below(4)),
        12 => Step::Password(below(4)),
        13..=15 => Step::GrantRole(below(4), below(4)),
        16 => Step::RevokeRole(below(4), below(4)),
        17 => Step::UserGet(below(4)),
        18 => Step::UserList,
        19..=20 => Step::RoleAdd(below(4)),
        21 => Step::RoleDelete(below(4)),
        22..=24 => Step::Grant(below(4), below(5), i32::try_from(random.below(3)).unwrap()),
        25 => Step::Revoke(below(4), below(5)),
        // What the role root permits was told from 3.6 on.
        26 => Step::RoleGet(1 + below(3)),
        27 => Step::RoleList,
        28..=29 => Step::Put(below(5), flag(), lease()),
        30 => Step::Range(below(5)),
        31 => Step::Delete(below(5), flag()),
        32 => Step::Txn(below(5), below(5)),
        _ => {
            if flag() {
                Step::LeaseGrant
            } else {
                Step::LeaseRevoke
            }
        }
    }
}

fn password(user: usize, wrong: bool) -> String {
    format!("password of {user}{}", if wrong { ", wrong" } else { "" })
}

/// A put and a deletion if a key exists, otherwise a read.
fn txn(one: &str, other: &str) -> pb::TxnRequest {
    use pb::request_op::Request;
    let op = |request| pb::RequestOp { request: Some(request) };
    let (one, other) = (bytes::Bytes::from(one.to_owned()), bytes::Bytes::from(other.to_owned()));
    pb::TxnRequest {
        compare: vec![pb::Compare {
            key: one.clone(),
            target: pb::compare::CompareTarget::Version.into(),
            result: pb::compare::CompareResult::Greater.into(),
            target_union: Some(pb::compare::TargetUnion::Version(0)),
            ..Default::default()
        }],
        success: vec![op(Request::RequestPut(pb::PutRequest {
            key: other.clone(),
            ..Default::default()
        }))],
        failure: vec![op(Request::RequestRange(pb::RangeRequest {
            key: other,
            ..Default::default()
        }))],
    }
}

/// Makes one request as somebody.
async fn ask(client: &Client, step: &Step) -> Answer {
    let mut auth = client.auth();
    let mut kv = client.kv();
    let mut lease = pb::lease_client::LeaseClient::new(client.channel());
    let user = |at: &usize| USERS[*at].to_owned();
    let role = |at: &usize| ROLES[*at].to_owned();
    let range = |at: &usize| {
        let (key, end) = RANGES[*at];
        (bytes::Bytes::from(key), bytes::Bytes::from(end))
    };
    match step {
        Step::SignIn(at, wrong) => {
            let token = client.token_for(USERS[*at], &password(*at, *wrong)).await;
            told(token).map(|_| Vec::new())
        }
        Step::Enable => answer!(auth.auth_enable(client.ask(pb::AuthEnableRequest {})).await),
        Step::Disable => answer!(auth.auth_disable(client.ask(pb::AuthDisableRequest {})).await),
        Step::UserAdd(at, no_password) => {
            let options = Some(authpb::UserAddOptions { no_password: *no_password });
            let (name, password) = (user(at), password(*at, false));
            let add = pb::AuthUserAddRequest { name, password, options, ..Default::default() };
            answer!(auth.user_add(client.ask(add)).await)
        }
        Step::UserDelete(at) => {
            answer!(
                auth.user_delete(client.ask(pb::AuthUserDeleteRequest { name: user(at) })).await
            )
        }
        Step::Password(at) => {
            let (name, password) = (user(at), password(*at, false));
            let change = pb::AuthUserChangePasswordRequest { name, password, ..Default::default() };
            answer!(auth.user_change_password(client.ask(change)).await)
        }
        Step::GrantRole(at, of) => {
            let grant = pb::AuthUserGrantRoleRequest { user: user(at), role: role(of) };
            answer!(auth.user_grant_role(client.ask(grant)).await)
        }
        Step::RevokeRole(at, of) => {
            let revoke = pb::AuthUserRevokeRoleRequest { name: user(at), role: role(of) };
            answer!(auth.user_revoke_role(client.ask(revoke)).await)
        }
        Step::UserGet(at) => {
            answer!(auth.user_get(client.ask(pb::AuthUserGetRequest { name: user(at) })).await)
        }
        Step::UserList => answer!(auth.user_list(client.ask(pb::AuthUserListRequest {})).await),
        Step::RoleAdd(at) => {
            answer!(auth.role_add(client.ask(pb::AuthRoleAddRequest { name: role(at) })).await)
        }
        Step::RoleDelete(at) => {
            answer!(
                auth.role_delete(client.ask(pb::AuthRoleDeleteRequest { role: role(at) })).await
            )
        }
        Step::Grant(at, of, access) => {
            let (key, range_end) = range(of);
            let perm = Some(authpb::Permission { perm_type: *access, key, range_end });
            let grant = pb::AuthRoleGrantPermissionRequest { name: role(at), perm };
            answer!(auth.role_grant_permission(client.ask(grant)).await)
        }
        Step::Revoke(at, of) => {
            let (key, range_end) = range(of);
            let revoke = pb::AuthRoleRevokePermissionRequest { role: role(at), key, range_end };
            answer!(auth.role_revoke_permission(client.ask(revoke)).await)
        }
        Step::RoleGet(at) => {
            answer!(auth.role_get(client.ask(pb::AuthRoleGetRequest { role: role(at) })).await)
        }
        Step::RoleList => answer!(auth.role_list(client.ask(pb::AuthRoleListRequest {})).await),
        Step::Put(at, prev_kv, lease) => {
            let put = pb::PutRequest { prev_kv: *prev_kv, lease: *lease, ..put(KEYS[*at], "v") };
            answer!(kv.put(client.ask(put)).await)
        }
        Step::Range(at) => {
            let (key, range_end) = range(at);
            let request = pb::RangeRequest { key, range_end, ..Default::default() };
            answer!(kv.range(client.ask(request)).await)
        }
        Step::Delete(at, prev_kv) => {
            let (key, range_end) = range(at);
            let delete = pb::DeleteRangeRequest { key, range_end, prev_kv: *prev_kv };
            answer!(kv.delete_range(client.ask(delete)).await)
        }
        Step::Txn(one, other) => answer!(kv.txn(client.ask(txn(KEYS[*one], KEYS[*other]))).await),
        Step::LeaseGrant => {
            answer!(lease.lease_grant(client.ask(pb::LeaseGrantRequest { ttl: 600, id: 5 })).await)
        }
        Step::LeaseRevoke => {
            answer!(lease.lease_revoke(client.ask(pb::LeaseRevokeRequest { id: 5 })).await)
        }
    }
}

/// Somebody at both stores.
#[derive(Clone)]
struct Pair {
    ours: Client,
    theirs: Client,
}

impl Pair {
    async fn both(&self, step: &Step) -> (Answer, Answer) {
        (ask(&self.ours, step).await, ask(&self.theirs, step).await)
    }

    /// Signs in at both; whether both let in.
    async fn sign_in(&self, at: usize) -> Option<Self> {
        let token = |client: Client| async move {
            let token = client.token_for(USERS[at], &password(at, false)).await;
            Ok::<_, Status>(client.with(token?))
        };
        let (ours, theirs) = (token(self.ours.clone()).await, token(self.theirs.clone()).await);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => Some(Self { ours, theirs }),
            (Err(ours), Err(theirs)) => {
                assert_eq!((ours.code(), ours.message()), (theirs.code(), theirs.message()));
                None
            }
            (ours, theirs) => panic!("one lets in: {:?} {:?}", ours.err(), theirs.err()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_etcd_answers_alike() {
    let Some(etcd) = Etcd::start().await else {
        println!("SKIP: there is no etcd; install Debian's etcd-server or name one in ETCD_BIN");
        return;
    };
    let cluster = Cluster::one().await;
    let anonymous = Pair {
        ours: Client::connect(cluster.endpoints[0]).await,
        theirs: Client::connect(etcd.addr).await,
    };
    // As many keys have been written there while it was waited for.
    let up = pb::RangeRequest { key: "up".into(), ..Default::default() };
    let up = anonymous.theirs.kv().range(up).await.unwrap().into_inner();
    let revision = up.header.unwrap().revision;
    for _ in 1..revision {
        anonymous.ours.put("up", "1").await.unwrap();
    }
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let random = SeededRandom::new(seed);
    // What was last known of each user; the last one has not said who it is.
    let mut known = vec![anonymous.clone(); USERS.len()];
    let mut signed_in = [false; USERS.len()];
    let (mut granted, mut refused) = (0, 0);
    for at in 0..STEPS {
        let step = draw(&random);
        let who = usize::try_from(random.below(USERS.len() as u64 + 2)).unwrap() % USERS.len();
        if matches!(step, Step::LeaseGrant | Step::LeaseRevoke) && !signed_in[who] {
            continue;
        }
        if let Step::SignIn(user, false) = step
            && let Some(pair) = anonymous.sign_in(user).await
        {
            known[user] = pair;
            signed_in[user] = true;
        }
        let (ours, theirs) = known[who].both(&step).await;
        assert_eq!(ours, theirs, "seed {seed}, step {at}: {step:?} by {:?}", USERS[who]);
        if matches!(step, Step::Disable) && ours.is_ok() {
            // A token that is void is still looked at by old releases, though nothing is checked.
            known.fill(anonymous.clone());
            signed_in.fill(false);
        }
        if ours.is_ok() { granted += 1 } else { refused += 1 }
    }
    assert!(granted > STEPS / 10 && refused > STEPS / 10, "{granted} granted, {refused} refused");
    println!("{STEPS} steps alike, {refused} of them refused");
    cluster.stop().await;
}
