//! Leadership and what it guards.

use super::Fixture;
use super::case::CaseResult;
use crate::{Error, Status, Txn};
use quorate_types::{Revision, Term};

cases!("fencing":
    status_tells_leader_term_and_revision,
    the_followed_status_agrees_with_the_asked_one,
    a_fence_of_the_current_term_lets_the_txn_pass,
    a_fence_of_another_term_refuses_the_txn,
);

/// The status once there is a leader.
async fn led(fixture: &Fixture) -> Result<Status, super::CaseError> {
    let known = async || Ok(fixture.store.status().leader.is_some());
    fixture.eventually("a leader is known", known).await?;
    Ok(fixture.store.status())
}

async fn status_tells_leader_term_and_revision(fixture: &Fixture) -> CaseResult {
    let status = led(fixture).await?;
    ensure!(status.term > Term(0), "term: {status:?}");
    let revision = fixture.put("k", "1").await?;
    let told = async || Ok(fixture.store.status().revision == revision);
    fixture.eventually("the status tells the revision of an acknowledged write", told).await?;
    ensure!(revision > Revision(1), "revision of a write: {revision}");
    Ok(())
}

async fn the_followed_status_agrees_with_the_asked_one(fixture: &Fixture) -> CaseResult {
    let followed = fixture.store.status_watch();
    let agrees = async || {
        let (asked, followed) = (fixture.store.status(), *followed.borrow());
        let place = |status: &Status| (status.member, status.leader, status.term);
        Ok(asked.leader.is_some() && place(&asked) == place(&followed))
    };
    fixture.eventually("both statuses tell the same leader and term", agrees).await
}

async fn a_fence_of_the_current_term_lets_the_txn_pass(fixture: &Fixture) -> CaseResult {
    let status = led(fixture).await?;
    fixture.txn(Txn::put("k", "1").fenced(Some(status.term))).await?;
    fixture.existing("k").await?;
    Ok(())
}

async fn a_fence_of_another_term_refuses_the_txn(fixture: &Fixture) -> CaseResult {
    let status = led(fixture).await?;
    for written in [Term(status.term.0 - 1), Term(status.term.0 + 1000)] {
        let error = fixture.refused(Txn::put("k", "1").fenced(Some(written))).await?;
        let fenced = matches!(&error, Error::Fenced { written: told, .. } if *told == written);
        ensure!(fenced, "a write fenced with term {written}: got {error}");
    }
    Ok(())
}
