//! Rules that a model of single keys does not show.

use quorate_auth::{Access, AuthChange, AuthState, Caller, Permission};
use quorate_store::{AuthError, Compare, KeyRange, Op, PutOp, RangeRequest, Txn};
use quorate_types::LeaseId;
use std::convert::Infallible;

/// Authentication is on; `alice` may read `r/…`, write `w/…`, and both `rw/…`.
fn state() -> AuthState {
    let mut state = AuthState::default();
    let grant = |access, prefix| {
        AuthChange::grant("role", Permission::new(access, KeyRange::prefix(prefix)))
    };
    for change in [
        AuthChange::add_user("root", "hash"),
        AuthChange::grant_role("root", "root"),
        AuthChange::add_user("alice", "hash"),
        AuthChange::add_role("role"),
        grant(Access::Read, "r/"),
        grant(Access::Write, "w/"),
        grant(Access::ReadWrite, "rw/"),
        AuthChange::grant_role("alice", "role"),
        AuthChange::Enable,
    ] {
        state.change(&change).unwrap();
    }
    state
}

fn check(txn: &Txn) -> Result<(), AuthError> {
    let state = state();
    let alice = Caller::new("alice", state.revision());
    // Lease 1 holds a key that alice may write, lease 2 one that she may not.
    let mut keys = |lease: LeaseId| {
        Ok::<_, Infallible>(match lease {
            LeaseId(1) => vec!["w/held".into()],
            LeaseId(2) => vec!["w/held".into(), "secret".into()],
            _ => Vec::new(),
        })
    };
    let Ok(decision) = state.check_txn(&alice, txn, &mut keys);
    let root = Caller::new("root", state.revision());
    let Ok(of_root) = state.check_txn(&root, txn, &mut keys);
    assert_eq!(of_root, Ok(()));
    decision
}

fn put(key: &'static str) -> PutOp {
    PutOp { key: key.into(), value: "v".into(), ..PutOp::default() }
}

#[test]
fn everything_that_a_transaction_might_do_is_checked_at_any_depth() {
    let denied = [
        Txn::default().when(Compare::absent("w/1")),
        Txn::ops([Op::Range(RangeRequest::key("w/1"))]),
        Txn::ops([Op::Put(put("r/1"))]),
        Txn::ops([Op::delete("r/1")]),
        // A previous value is a read.
        Txn::ops([Op::Put(PutOp { prev_kv: true, ..put("w/1") })]),
        Txn::ops([Op::Delete { range: KeyRange::Key("w/1".into()), prev_kv: true }]),
        // Whoever ends the lease deletes its keys.
        Txn::ops([Op::Put(PutOp { lease: LeaseId(2), ..put("w/1") })]),
    ];
    for txn in denied {
        let other_branch = Txn { failure: txn.success.clone(), ..Txn::default() };
        let other_branch = if txn.success.is_empty() {
            txn.clone()
        } else {
            other_branch.when(Compare::absent("r/1"))
        };
        let nested = Txn::ops([Op::Txn(Txn::ops([Op::Txn(txn.clone())]))]);
        let after = Txn::ops([Op::Put(put("w/ok")), Op::Txn(txn.clone())]);
        for txn in [txn, other_branch, nested, after] {
            assert_eq!(check(&txn), Err(AuthError::PermissionDenied), "{txn:?}");
        }
    }
}

#[test]
fn what_the_roles_permit_passes() {
    for txn in [
        Txn::ops([Op::Put(PutOp { lease: LeaseId(1), ..put("w/1") })]),
        Txn::ops([Op::Put(PutOp { prev_kv: true, ..put("rw/1") })]),
        Txn::ops([Op::Delete { range: KeyRange::prefix("rw/"), prev_kv: true }]),
        Txn::ops([Op::Range(RangeRequest::prefix("r/")), Op::delete("w/1")])
            .when(Compare::absent("r/1"))
            .otherwise([Op::Txn(Txn::ops([Op::Put(put("w/2"))]))]),
        Txn::default(),
    ] {
        assert_eq!(check(&txn), Ok(()), "{txn:?}");
    }
}

#[test]
fn a_range_that_only_begins_where_the_permission_does_is_refused() {
    let state = state();
    let alice = Caller::new("alice", state.revision());
    for range in [
        KeyRange::From("r/".into()),
        KeyRange::all(),
        KeyRange::Span("r/".into(), "r1".into()),
        KeyRange::Span("r".into(), "r/z".into()),
    ] {
        assert_eq!(state.check_read(&alice, &range), Err(AuthError::PermissionDenied), "{range:?}");
    }
    assert_eq!(state.check_read(&alice, &KeyRange::prefix("r/")), Ok(()));
}

#[test]
fn only_root_is_in_charge() {
    let state = state();
    let now = state.revision();
    let check = |user: &str, revision| state.check_root(&Caller::new(user, revision));
    assert_eq!(check("root", now), Ok(()));
    // Being in charge does not end with a change of users: it is how one is made.
    assert_eq!(check("root", now - 1), Ok(()));
    assert_eq!(check("alice", now), Err(AuthError::PermissionDenied));
    assert_eq!(check("nobody", now), Err(AuthError::UserNotFound));
    assert_eq!(check("", 0), Err(AuthError::UserEmpty));
    assert_eq!(AuthState::default().check_root(&Caller::anonymous()), Ok(()));
}

#[test]
fn leases_belong_to_who_may_write_or_read_their_keys() {
    let state = state();
    let caller = |user: &str| Caller::new(user, state.revision());
    let (own, foreign) = (["w/1".into()], ["w/1".into(), "secret".into()]);
    assert_eq!(state.check_lease_writes(&caller("alice"), &own), Ok(()));
    let denied = Err(AuthError::PermissionDenied);
    assert_eq!(state.check_lease_writes(&caller("alice"), &foreign), denied);
    assert_eq!(state.check_lease_reads(&caller("alice"), &own), denied);
    assert_eq!(state.check_lease_reads(&caller("alice"), &["r/1".into()]), Ok(()));
    assert_eq!(state.check_lease_writes(&caller("root"), &foreign), Ok(()));
    let anonymous = Caller::anonymous();
    assert_eq!(state.check_lease_writes(&anonymous, &own), Err(AuthError::UserEmpty));
    assert_eq!(state.check_lease_reads(&anonymous, &[]), Err(AuthError::UserEmpty));
    assert_eq!(state.check_named(&anonymous), Err(AuthError::UserEmpty));
}

#[test]
fn one_may_ask_about_oneself_and_ones_roles() {
    let state = state();
    let alice = Caller::new("alice", state.revision());
    assert_eq!(state.check_about_user(&alice, "alice"), Ok(()));
    assert_eq!(state.check_about_user(&alice, "root"), Err(AuthError::PermissionDenied));
    assert_eq!(state.check_about_role(&alice, "role"), Ok(()));
    assert_eq!(state.check_about_role(&alice, "root"), Err(AuthError::PermissionDenied));
    let anonymous = Caller::anonymous();
    assert_eq!(state.check_about_user(&anonymous, "alice"), Err(AuthError::UserEmpty));
}

#[test]
fn a_watch_goes_on_for_as_long_as_its_reader_may_read() {
    let mut state = state();
    let alice = Caller::new("alice", state.revision());
    let range = KeyRange::prefix("r/");
    state.change(&AuthChange::add_user("bob", "hash")).unwrap();
    assert_eq!(state.check_read(&alice, &range), Err(AuthError::OldRevision));
    assert_eq!(state.recheck_read(&alice, &range), Ok(()), "others have changed");
    let revoke = AuthChange::RoleRevoke { role: "role".into(), range: range.clone() };
    state.change(&revoke).unwrap();
    assert_eq!(state.recheck_read(&alice, &range), Err(AuthError::PermissionDenied));
    assert_eq!(state.recheck_read(&Caller::anonymous(), &range), Err(AuthError::UserEmpty));
}
