//! Users and roles as part of the state: judged at their place in the log, kept, copied, replaced.

use crate::durability::open;
use crate::script::{apply, put};
use bytes::Bytes;
use quorate_auth::{Access, AuthChange, AuthState, Caller, Permission, TokenSink};
use quorate_mvcc::{Command, MemoryDb, Mvcc, Options, Outcome, Reply};
use quorate_store::{
    AuthError, Compare, Error, KeyRange, Op, PutOp, RangeRequest, Txn, TxnResponse,
};
use quorate_types::{LeaseId, Revision};
use std::sync::{Arc, Mutex};

fn memory() -> Arc<Mvcc> {
    Mvcc::open(Arc::new(MemoryDb::new()), Options::default()).unwrap()
}

fn change(change: AuthChange) -> Command {
    Command::Auth(change)
}

fn grant(access: Access, range: KeyRange) -> Command {
    change(AuthChange::grant("role", Permission::new(access, range)))
}

/// `alice` may read and write `a/…`; everything else belongs to root.
fn secured() -> Vec<Command> {
    vec![
        change(AuthChange::add_user("root", "hash")),
        change(AuthChange::grant_role("root", "root")),
        change(AuthChange::add_user("alice", "hash")),
        change(AuthChange::add_role("role")),
        grant(Access::ReadWrite, KeyRange::prefix("a/")),
        change(AuthChange::grant_role("alice", "role")),
        change(AuthChange::Enable),
    ]
}

fn setup(mvcc: &Mvcc) {
    for outcome in apply(mvcc, &secured()) {
        outcome.unwrap().unwrap();
    }
}

fn by(caller: Caller, command: Command) -> Command {
    Command::OnBehalf { caller, command: Box::new(command) }
}

/// A caller that is known now.
fn now(mvcc: &Mvcc, user: &str) -> Caller {
    Caller::new(user, mvcc.auth().revision())
}

fn run(mvcc: &Mvcc, command: Command) -> Outcome {
    apply(mvcc, &[command]).remove(0).unwrap()
}

fn as_alice(mvcc: &Mvcc, txn: Txn) -> Outcome {
    run(mvcc, by(now(mvcc, "alice"), Command::Txn(txn)))
}

fn refused(refusal: AuthError) -> Outcome {
    Err(Error::Auth(refusal))
}

fn key(key: &'static str) -> PutOp {
    PutOp { key: key.into(), value: "v".into(), ..PutOp::default() }
}

#[test]
fn a_nested_transaction_is_no_way_around_permissions() {
    let mvcc = memory();
    setup(&mvcc);
    run(&mvcc, put("secret", "1")).unwrap();
    let before = mvcc.revision();
    let inner = [
        Txn::ops([Op::Put(key("secret"))]),
        Txn::ops([Op::delete("secret")]),
        Txn::ops([Op::Range(RangeRequest::key("secret"))]),
        Txn::default().when(Compare::present("secret")),
    ];
    for inner in inner {
        let nested = Txn::ops([Op::Put(key("a/1")), Op::Txn(Txn::ops([Op::Txn(inner.clone())]))]);
        let unlikely = Txn::ops([]).when(Compare::present("a/never"));
        let untaken = Txn { failure: vec![], success: vec![Op::Txn(inner.clone())], ..unlikely };
        for txn in [inner, nested, untaken] {
            assert_eq!(
                as_alice(&mvcc, txn.clone()),
                refused(AuthError::PermissionDenied),
                "{txn:?}"
            );
        }
    }
    assert_eq!(mvcc.revision(), before, "a refusal has no effect");
}

#[test]
fn a_previous_value_is_a_read() {
    let mvcc = memory();
    setup(&mvcc);
    run(&mvcc, grant(Access::Write, KeyRange::prefix("w/"))).unwrap();
    as_alice(&mvcc, Txn::ops([Op::Put(key("w/1"))])).unwrap();
    let with = |op: Op| as_alice(&mvcc, Txn::ops([Op::Txn(Txn::ops([op]))]));
    let put = Op::Put(PutOp { prev_kv: true, ..key("w/1") });
    assert_eq!(with(put), refused(AuthError::PermissionDenied));
    let delete = |prev_kv| Op::Delete { range: KeyRange::prefix("w/"), prev_kv };
    assert_eq!(with(delete(true)), refused(AuthError::PermissionDenied));
    assert!(matches!(with(delete(false)), Ok(Reply::Txn(TxnResponse { succeeded: true, .. }))));
}

#[test]
fn a_key_cannot_be_attached_to_a_lease_with_keys_of_others() {
    let mvcc = memory();
    setup(&mvcc);
    run(&mvcc, Command::LeaseGrant { id: LeaseId(5), ttl_seconds: 60 }).unwrap();
    let attach = |key_of: &'static str| PutOp { lease: LeaseId(5), ..key(key_of) };
    // Alone it is nobody's.
    as_alice(&mvcc, Txn::ops([Op::Put(attach("a/1"))])).unwrap();
    run(&mvcc, Command::Txn(Txn::ops([Op::Put(attach("secret"))]))).unwrap();
    for txn in [
        Txn::ops([Op::Put(attach("a/2"))]),
        Txn::ops([Op::Txn(Txn::ops([Op::Put(attach("a/2"))]))]),
    ] {
        assert_eq!(as_alice(&mvcc, txn), refused(AuthError::PermissionDenied));
    }
    let revoke = || Command::LeaseRevoke { ids: vec![LeaseId(5)] };
    let alice = now(&mvcc, "alice");
    assert_eq!(run(&mvcc, by(alice.clone(), revoke())), refused(AuthError::PermissionDenied));
    as_alice(&mvcc, Txn::ops([Op::Put(key("a/1"))])).unwrap();
    run(&mvcc, Command::Txn(Txn::delete("secret"))).unwrap();
    run(&mvcc, by(alice, revoke())).unwrap();
}

#[test]
fn what_is_judged_is_the_place_in_the_log() {
    let mvcc = memory();
    setup(&mvcc);
    let alice = now(&mvcc, "alice");
    let write = |caller: &Caller| by(caller.clone(), Command::Txn(Txn::put("a/1", "v")));
    let revoke = AuthChange::RoleRevoke { role: "role".into(), range: KeyRange::prefix("a/") };
    // One entry for all three, as proposals that wait together share one.
    let batch = Command::Batch(vec![write(&alice), change(revoke), write(&alice)]);
    let Reply::Batch(outcomes) = run(&mvcc, batch).unwrap() else { panic!("a batch") };
    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[2], refused(AuthError::OldRevision), "known before the revocation");
    assert_eq!(run(&mvcc, write(&now(&mvcc, "alice"))), refused(AuthError::PermissionDenied));
}

#[test]
fn a_request_that_was_let_in_before_checking_began_is_refused_after() {
    let mvcc = memory();
    let anonymous = |command| by(Caller::anonymous(), command);
    let write = || anonymous(Command::Txn(Txn::put("k", "v")));
    run(&mvcc, write()).unwrap();
    setup(&mvcc);
    for command in [
        Command::Txn(Txn::put("k", "v")),
        Command::Txn(Txn::ops([Op::Range(RangeRequest::key("k"))])),
        Command::LeaseGrant { id: LeaseId(5), ttl_seconds: 60 },
        Command::LeaseRevoke { ids: vec![LeaseId(5)] },
        Command::Compact { revision: Revision(2) },
        Command::Auth(AuthChange::Disable),
        Command::Custom { machine: "m".into(), body: Bytes::new() },
    ] {
        let outcome = run(&mvcc, anonymous(command.clone()));
        assert_eq!(outcome, refused(AuthError::UserEmpty), "{command:?}");
    }
    run(&mvcc, put("k", "the application's own")).unwrap();
}

#[test]
fn only_root_changes_users_compacts_and_commands_machines() {
    let mvcc = memory();
    setup(&mvcc);
    run(&mvcc, put("k", "v")).unwrap();
    let alice = now(&mvcc, "alice");
    for command in [
        Command::Auth(AuthChange::Disable),
        Command::Auth(AuthChange::add_user("mallory", "hash")),
        Command::Auth(AuthChange::grant_role("alice", "root")),
        Command::Compact { revision: Revision(2) },
        Command::LeaseCheckpoint { remaining: vec![] },
        Command::Custom { machine: "m".into(), body: Bytes::new() },
    ] {
        let outcome = run(&mvcc, by(alice.clone(), command.clone()));
        assert_eq!(outcome, refused(AuthError::PermissionDenied), "{command:?}");
    }
    let root = now(&mvcc, "root");
    run(&mvcc, by(root.clone(), Command::Compact { revision: Revision(2) })).unwrap();
    run(&mvcc, by(root, Command::Auth(AuthChange::Disable))).unwrap();
    assert_eq!(mvcc.auth_gate(), 0);
}

#[test]
fn a_repeated_request_tells_its_answer_to_nobody_else() {
    use quorate_store::RequestId;
    let mvcc = memory();
    setup(&mvcc);
    let txn = Txn::ops([Op::Range(RangeRequest::key("secret"))]).identified(RequestId(1));
    run(&mvcc, Command::Txn(txn.clone())).unwrap();
    assert_eq!(as_alice(&mvcc, txn), refused(AuthError::PermissionDenied));
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl TokenSink for Told {
    fn assigned(&self, token: String, user: String) {
        self.0.lock().unwrap().push(format!("{token}={user}"));
    }

    fn revoked(&self, user: &str) {
        self.0.lock().unwrap().push(format!("-{user}"));
    }

    fn cleared(&self) {
        self.0.lock().unwrap().push("clear".to_owned());
    }
}

#[test]
fn tokens_are_told_of_in_the_order_of_the_log() {
    let mvcc = memory();
    let told = Arc::new(Told::default());
    assert!(mvcc.follow_tokens(Arc::clone(&told) as _));
    assert!(!mvcc.follow_tokens(Arc::new(Told::default())), "only one is told");
    setup(&mvcc);
    let sign_in = |user: &str, prefix: &str, revision| {
        change(AuthChange::SignIn { user: user.into(), revision, prefix: prefix.into() })
    };
    let revision = mvcc.auth().revision();
    let answer = run(&mvcc, sign_in("alice", "p", revision));
    let token = "p.8".to_owned();
    assert_eq!(answer, Ok(Reply::Auth { revision: mvcc.revision(), token }));
    assert_eq!(run(&mvcc, sign_in("nobody", "p", revision)), refused(AuthError::Failed));
    let password = AuthChange::UserChangePassword { name: "alice".into(), password: "new".into() };
    run(&mvcc, change(password)).unwrap();
    // The password that was right is another one by now.
    assert_eq!(run(&mvcc, sign_in("alice", "q", revision)), refused(AuthError::OldRevision));
    run(&mvcc, change(AuthChange::Disable)).unwrap();
    assert_eq!(run(&mvcc, sign_in("alice", "q", revision)), refused(AuthError::NotEnabled));
    assert_eq!(*told.0.lock().unwrap(), ["p.8=alice", "-alice", "clear"]);
}

fn summary(auth: &AuthState) -> String {
    format!("{auth:?}")
}

#[test]
fn users_survive_a_restart_and_move_with_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let source = open(&dir.path().join("source"));
    setup(&source);
    let expected = summary(&source.auth());
    source.flush().unwrap();
    drop(source);
    let source = open(&dir.path().join("source"));
    assert_eq!(summary(&source.auth()), expected);
    assert_eq!(source.auth_gate(), source.auth().revision());

    let target = open(&dir.path().join("target"));
    let told = Arc::new(Told::default());
    target.follow_tokens(Arc::clone(&told) as _);
    for user in ["alice", "gone"] {
        run(&target, change(AuthChange::add_user(user, "hash"))).unwrap();
    }
    let copy = dir.path().join("copy");
    source.checkpoint(&copy).unwrap();
    target.install(&copy).unwrap();
    assert_eq!(summary(&target.auth()), expected);
    assert_eq!(as_alice(&target, Txn::put("secret", "v")), refused(AuthError::PermissionDenied));
    assert_eq!(*told.0.lock().unwrap(), ["-gone"], "alice's password is the same");
}

#[test]
fn what_was_replayed_is_the_same_state() {
    let mut history = secured();
    let alice = Caller::new("alice", 7);
    history.extend([
        by(alice.clone(), Command::Txn(Txn::put("a/1", "v"))),
        by(alice.clone(), Command::Txn(Txn::put("b/1", "v"))),
        change(AuthChange::RoleDelete { name: "role".into() }),
        by(alice, Command::Txn(Txn::put("a/1", "v"))),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let (memory, rocks) = (memory(), open(dir.path()));
    let outcomes = apply(&memory, &history);
    for (command, outcome) in history.iter().zip(&outcomes) {
        assert_eq!(&apply(&rocks, std::slice::from_ref(command)).remove(0), outcome);
    }
    assert_eq!(summary(&memory.auth()), summary(&rocks.auth()));
    assert_eq!(memory.hash_kv(Revision::NONE), rocks.hash_kv(Revision::NONE));
}
