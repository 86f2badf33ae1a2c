//! Puts that keep the value or the lease that a key has.

use super::Fixture;
use super::case::CaseResult;
use crate::{Error, Op, OpResponse, PutOp, Txn};
use bytes::Bytes;
use quorate_types::LeaseId;

cases!("keep":
    the_value_is_kept_and_everything_else_is_changed,
    the_lease_is_kept_and_everything_else_is_changed,
    both_can_be_kept,
    a_key_that_does_not_exist_has_nothing_to_keep,
    giving_and_keeping_at_once_is_refused,
);

fn keeping(key: &str, value: &str, lease: LeaseId, [ignore_value, ignore_lease]: [bool; 2]) -> Op {
    let (key, value) = (Bytes::from(key.to_owned()), Bytes::from(value.to_owned()));
    Op::Put(PutOp { key, value, lease, prev_kv: true, ignore_value, ignore_lease })
}

async fn leased(fixture: &Fixture) -> Result<LeaseId, super::CaseError> {
    let lease = fixture.grant(3600).await?;
    fixture.txn(Txn::ops([keeping("k", "first", lease, [false; 2])])).await?;
    Ok(lease)
}

async fn the_value_is_kept_and_everything_else_is_changed(fixture: &Fixture) -> CaseResult {
    leased(fixture).await?;
    let before = fixture.existing("k").await?;
    let answer = fixture.txn(Txn::ops([keeping("k", "", LeaseId::NONE, [true, false])])).await?;
    let want = OpResponse::Put { prev_kv: Some(before) };
    ensure_eq!(answer.responses, [want], "answer");
    let kv = fixture.existing("k").await?;
    ensure_eq!((&*kv.value, kv.lease, kv.version), (&b"first"[..], LeaseId::NONE, 2), "the key");
    ensure_eq!(kv.mod_revision, answer.revision, "its revision");
    Ok(())
}

async fn the_lease_is_kept_and_everything_else_is_changed(fixture: &Fixture) -> CaseResult {
    let lease = leased(fixture).await?;
    fixture.txn(Txn::ops([keeping("k", "second", LeaseId::NONE, [false, true])])).await?;
    let kv = fixture.existing("k").await?;
    ensure_eq!((&*kv.value, kv.lease, kv.version), (&b"second"[..], lease, 2), "the key");
    fixture.store.lease_revoke(lease).await?;
    ensure_eq!(fixture.key("k").await?, None, "the key after its lease has ended");
    Ok(())
}

async fn both_can_be_kept(fixture: &Fixture) -> CaseResult {
    let lease = leased(fixture).await?;
    fixture.txn(Txn::ops([keeping("k", "", LeaseId::NONE, [true, true])])).await?;
    let kv = fixture.existing("k").await?;
    ensure_eq!((&*kv.value, kv.lease, kv.version), (&b"first"[..], lease, 2), "the key");
    Ok(())
}

async fn a_key_that_does_not_exist_has_nothing_to_keep(fixture: &Fixture) -> CaseResult {
    fixture.put("gone", "1").await?;
    fixture.delete("gone").await?;
    for keep in [[true, false], [false, true], [true, true]] {
        for key in ["missing", "gone"] {
            let put = keeping(key, "", LeaseId::NONE, keep);
            let error = fixture.refused(Txn::ops([Op::put("a", "1"), put])).await?;
            ensure_eq!(error, Error::KeyNotFound { key: key.to_owned() }, "keeping {keep:?}");
        }
    }
    Ok(())
}

async fn giving_and_keeping_at_once_is_refused(fixture: &Fixture) -> CaseResult {
    let lease = leased(fixture).await?;
    let key = || "k".to_owned();
    let put = Txn::ops([keeping("k", "given", LeaseId::NONE, [true, false])]);
    ensure_eq!(fixture.refused(put).await?, Error::ValueProvided { key: key() }, "a value");
    let put = Txn::ops([keeping("k", "", lease, [false, true])]);
    ensure_eq!(fixture.refused(put.clone()).await?, Error::LeaseProvided { key: key() }, "a lease");
    let idle = fixture.refused(Txn::default().otherwise(put.success)).await?;
    ensure_eq!(idle, Error::LeaseProvided { key: key() }, "in a branch that does not run");
    Ok(())
}
