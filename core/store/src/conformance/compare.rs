//! When a condition holds.

use super::Fixture;
use super::case::CaseResult;
use super::fixture::put_leased;
use crate::{Compare, CompareOp, CompareTarget, KeyRange, Op, Txn};
use bytes::Bytes;
use quorate_types::{LeaseId, Revision};

use CompareOp::{Equal, Greater, Less, NotEqual};

cases!("compare":
    absent_and_present_tell_whether_a_key_exists,
    every_number_relates_in_every_way,
    values_relate_in_byte_order,
    a_missing_key_has_zero_for_every_number,
    a_missing_key_has_no_value_to_compare,
    a_range_holds_if_every_key_does,
    all_conditions_must_hold,
    conditions_look_at_the_state_before_the_txn,
    a_deleted_key_is_missing,
);

/// Whether a condition holds, asked with a transaction that changes nothing.
async fn holds(fixture: &Fixture, compare: Compare) -> Result<bool, super::CaseError> {
    Ok(fixture.txn(Txn::default().when(compare)).await?.succeeded)
}

fn condition(range: KeyRange, op: CompareOp, target: CompareTarget) -> Compare {
    Compare { range, op, target }
}

fn on_key(key: &str, op: CompareOp, target: CompareTarget) -> Compare {
    condition(KeyRange::Key(key.to_owned().into()), op, target)
}

/// Checks which of the operators hold: equal, not equal, greater, less.
async fn check_operators(
    fixture: &Fixture,
    key: &str,
    target: CompareTarget,
    want: [bool; 4],
) -> CaseResult {
    for (op, want) in [Equal, NotEqual, Greater, Less].into_iter().zip(want) {
        let got = holds(fixture, on_key(key, op, target.clone())).await?;
        ensure_eq!(got, want, "whether key {key:?} is {op:?} {target:?}");
    }
    Ok(())
}

/// A target by its number.
type Target = fn(i64) -> CompareTarget;

const SAME: [bool; 4] = [true, false, false, false];
const ABOVE: [bool; 4] = [false, true, true, false];
const BELOW: [bool; 4] = [false, true, false, true];

async fn absent_and_present_tell_whether_a_key_exists(fixture: &Fixture) -> CaseResult {
    ensure!(holds(fixture, Compare::absent("k")).await?, "absent before");
    ensure!(!holds(fixture, Compare::present("k")).await?, "not present before");
    let revision = fixture.put("k", "1").await?;
    ensure!(!holds(fixture, Compare::absent("k")).await?, "not absent after");
    ensure!(holds(fixture, Compare::present("k")).await?, "present after");
    ensure!(holds(fixture, Compare::mod_revision("k", revision)).await?, "its revision");
    ensure!(!holds(fixture, Compare::mod_revision("k", revision.prev())).await?, "another one");
    Ok(())
}

async fn every_number_relates_in_every_way(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(3600).await?;
    let created = fixture.put("k", "1").await?;
    let changed = fixture.txn(Txn::ops([put_leased("k", "2", lease)])).await?.revision;
    let targets: [(Target, i64); 4] = [
        (CompareTarget::Version, 2),
        (|number| CompareTarget::CreateRevision(Revision(number)), created.0),
        (|number| CompareTarget::ModRevision(Revision(number)), changed.0),
        (|number| CompareTarget::Lease(LeaseId(number)), lease.0),
    ];
    for (target, number) in targets {
        check_operators(fixture, "k", target(number), SAME).await?;
        check_operators(fixture, "k", target(number - 1), ABOVE).await?;
        check_operators(fixture, "k", target(number + 1), BELOW).await?;
    }
    Ok(())
}

async fn values_relate_in_byte_order(fixture: &Fixture) -> CaseResult {
    fixture.put("k", "mm").await?;
    let value = |text: &'static str| CompareTarget::Value(Bytes::from_static(text.as_bytes()));
    check_operators(fixture, "k", value("mm"), SAME).await?;
    check_operators(fixture, "k", value("m"), ABOVE).await?;
    check_operators(fixture, "k", value("azzz"), ABOVE).await?;
    check_operators(fixture, "k", value("n"), BELOW).await?;
    check_operators(fixture, "k", value("mma"), BELOW).await
}

async fn a_missing_key_has_zero_for_every_number(fixture: &Fixture) -> CaseResult {
    fixture.put("other", "1").await?;
    let targets: [Target; 4] = [
        CompareTarget::Version,
        |number| CompareTarget::CreateRevision(Revision(number)),
        |number| CompareTarget::ModRevision(Revision(number)),
        |number| CompareTarget::Lease(LeaseId(number)),
    ];
    for target in targets {
        check_operators(fixture, "missing", target(0), SAME).await?;
        check_operators(fixture, "missing", target(1), BELOW).await?;
        check_operators(fixture, "missing", target(-1), ABOVE).await?;
    }
    Ok(())
}

async fn a_missing_key_has_no_value_to_compare(fixture: &Fixture) -> CaseResult {
    for value in ["", "x"] {
        let target = CompareTarget::Value(Bytes::from_static(value.as_bytes()));
        check_operators(fixture, "missing", target.clone(), [false; 4]).await?;
        let empty = condition(KeyRange::prefix("missing/"), NotEqual, target);
        ensure!(!holds(fixture, empty).await?, "a range without keys has no value either");
    }
    Ok(())
}

async fn a_range_holds_if_every_key_does(fixture: &Fixture) -> CaseResult {
    fixture.put_all(&["p/a", "p/b", "p/b", "q"]).await?;
    let versions =
        |op, version| condition(KeyRange::prefix("p/"), op, CompareTarget::Version(version));
    let values = |op, value: &'static str| {
        condition(KeyRange::prefix("p/"), op, CompareTarget::Value(value.into()))
    };
    let none = condition(KeyRange::prefix("none/"), Equal, CompareTarget::Version(0));
    let one = condition(KeyRange::prefix("none/"), Greater, CompareTarget::Version(0));
    let table = [
        (versions(Greater, 0), true),
        (versions(Equal, 1), false),
        (versions(Equal, 2), false),
        (versions(Less, 3), true),
        (versions(NotEqual, 2), false),
        (values(Equal, "v"), true),
        (values(NotEqual, "v"), false),
        (none, true),
        (one, false),
    ];
    for (compare, want) in table {
        ensure_eq!(holds(fixture, compare.clone()).await?, want, "whether {compare:?} holds");
    }
    Ok(())
}

async fn all_conditions_must_hold(fixture: &Fixture) -> CaseResult {
    fixture.put("a", "1").await?;
    let txn = |first, second| {
        let txn = Txn::put("then", "1").otherwise([Op::put("else", "1")]);
        txn.when(first).when(second)
    };
    let mixed = fixture.txn(txn(Compare::present("a"), Compare::present("b"))).await?;
    ensure!(!mixed.succeeded, "the second does not hold");
    let mixed = fixture.txn(txn(Compare::present("b"), Compare::present("a"))).await?;
    ensure!(!mixed.succeeded, "the first does not hold");
    ensure_eq!(fixture.key("then").await?, None, "the branch of success");
    ensure_eq!(fixture.existing("else").await?.version, 2, "version by the branch of failure");
    let both = fixture.txn(txn(Compare::present("a"), Compare::absent("b"))).await?;
    ensure!(both.succeeded, "both hold");
    fixture.existing("then").await?;
    Ok(())
}

async fn conditions_look_at_the_state_before_the_txn(fixture: &Fixture) -> CaseResult {
    let create = Txn::put("k", "1").when(Compare::absent("k"));
    ensure!(fixture.txn(create).await?.succeeded, "absent before its own put");
    let remove = Txn::delete("k").when(Compare::present("k"));
    ensure!(fixture.txn(remove).await?.succeeded, "present before its own deletion");
    let early = Txn::put("k", "1").when(Compare::present("k"));
    ensure!(!fixture.txn(early).await?.succeeded, "not present before its own put");
    ensure_eq!(fixture.key("k").await?, None, "the key");
    Ok(())
}

async fn a_deleted_key_is_missing(fixture: &Fixture) -> CaseResult {
    fixture.put("k", "1").await?;
    fixture.delete("k").await?;
    ensure!(holds(fixture, Compare::absent("k")).await?, "absent after the deletion");
    let target = CompareTarget::Value(Bytes::from_static(b"1"));
    check_operators(fixture, "k", target, [false; 4]).await
}
