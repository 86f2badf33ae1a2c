//! Leases: who holds which key, and what happens when one ends.

use super::case::CaseResult;
use super::fixture::keys;
use super::watcher::briefs;
use super::{CaseError, ClockControl, Fixture};
use crate::{Error, EventKind, Txn};
use quorate_types::limits::MAX_LEASE_TTL_SECONDS;
use quorate_types::{LeaseId, Revision};
use std::time::Duration;

cases!("lease":
    the_store_chooses_positive_ids_that_differ,
    an_id_that_exists_is_refused,
    a_granted_lease_lasts_no_shorter_than_asked,
    a_time_to_live_out_of_range_is_refused,
    all_leases_are_listed_sorted,
    granting_and_revoking_without_keys_does_not_advance_the_revision,
    an_attached_key_names_its_lease,
    revoking_deletes_every_key_in_one_revision,
    a_revoked_lease_is_gone,
    a_put_without_a_lease_detaches_the_key,
    a_put_with_another_lease_moves_the_key,
    a_deleted_key_is_detached,
    what_is_left_of_a_lease_lists_its_keys,
    an_unknown_lease_is_refused_everywhere,
    keep_alive_restores_the_whole_time,
    an_expired_lease_deletes_its_keys_in_one_revision,
    an_expired_lease_is_gone,
    a_lease_does_not_end_before_its_time,
    a_lease_that_is_kept_alive_does_not_end,
    leases_end_independently,
);

const HOUR: u64 = 3600;

async fn the_store_chooses_positive_ids_that_differ(fixture: &Fixture) -> CaseResult {
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(fixture.grant(HOUR).await?);
    }
    ensure!(ids.iter().all(|id| id.0 > 0), "ids must be positive: {ids:?}");
    ids.sort_unstable();
    ids.dedup();
    ensure_eq!(ids.len(), 20, "ids that differ");
    Ok(())
}

async fn an_id_that_exists_is_refused(fixture: &Fixture) -> CaseResult {
    let ttl = Duration::from_secs(HOUR);
    let granted = fixture.store.lease_grant(LeaseId(7), ttl).await?;
    ensure_eq!(granted.id, LeaseId(7), "the id asked for");
    let again = fixture.store.lease_grant(LeaseId(7), ttl).await;
    ensure_eq!(again, Err(Error::LeaseExists(LeaseId(7))), "the same id again");
    fixture.store.lease_revoke(LeaseId(7)).await?;
    fixture.store.lease_grant(LeaseId(7), ttl).await?;
    Ok(())
}

async fn a_granted_lease_lasts_no_shorter_than_asked(fixture: &Fixture) -> CaseResult {
    for millis in [1, 1000, 1001, 59_999, 3_600_000] {
        let asked = Duration::from_millis(millis);
        let granted = fixture.store.lease_grant(LeaseId::NONE, asked).await?;
        ensure!(granted.ttl >= asked, "granted {:?}, asked for {asked:?}", granted.ttl);
    }
    let longest = Duration::from_secs(MAX_LEASE_TTL_SECONDS.unsigned_abs());
    fixture.store.lease_grant(LeaseId::NONE, longest).await?;
    Ok(())
}

async fn a_time_to_live_out_of_range_is_refused(fixture: &Fixture) -> CaseResult {
    let longest = Duration::from_secs(MAX_LEASE_TTL_SECONDS.unsigned_abs());
    for ttl in [Duration::ZERO, longest + Duration::from_secs(1), Duration::MAX] {
        let result = fixture.store.lease_grant(LeaseId(7), ttl).await;
        ensure_refused!(result, Error::LeaseTtl { .. }, "a time to live of {ttl:?}");
    }
    ensure_eq!(fixture.store.leases().await?, [], "leases after refusals");
    Ok(())
}

async fn all_leases_are_listed_sorted(fixture: &Fixture) -> CaseResult {
    ensure_eq!(fixture.store.leases().await?, [], "leases of a fresh store");
    for id in [30, 10, 20] {
        fixture.store.lease_grant(LeaseId(id), Duration::from_secs(HOUR)).await?;
    }
    ensure_eq!(fixture.store.leases().await?, [10, 20, 30].map(LeaseId), "leases");
    fixture.store.lease_revoke(LeaseId(20)).await?;
    ensure_eq!(fixture.store.leases().await?, [10, 30].map(LeaseId), "leases after one ended");
    Ok(())
}

async fn granting_and_revoking_without_keys_does_not_advance_the_revision(
    fixture: &Fixture,
) -> CaseResult {
    let before = fixture.put("k", "1").await?;
    let lease = fixture.grant(HOUR).await?;
    fixture.store.lease_keep_alive(lease).await?;
    fixture.store.lease_revoke(lease).await?;
    ensure_eq!(fixture.revision().await?, before, "revision");
    Ok(())
}

async fn an_attached_key_names_its_lease(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(HOUR).await?;
    fixture.attach("k", lease).await?;
    ensure_eq!(fixture.existing("k").await?.lease, lease, "lease of the key");
    Ok(())
}

async fn revoking_deletes_every_key_in_one_revision(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(HOUR).await?;
    let mut before = fixture.put("stays", "1").await?;
    for key in ["c", "a", "b"] {
        before = fixture.attach(key, lease).await?;
    }
    let mut watch = fixture.watch_all(before.next()).await?;
    fixture.store.lease_revoke(lease).await?;
    let found = fixture.all().await?;
    ensure_eq!(keys(&found.kvs), ["stays"], "keys left");
    ensure_eq!(found.revision, before.next(), "revision after revoking");
    let told = briefs(&watch.until(before.next()).await?);
    let want = ["a", "b", "c"].map(|key| (EventKind::Delete, key.to_owned(), before.0 + 1));
    ensure_eq!(told, want, "events");
    Ok(())
}

async fn a_revoked_lease_is_gone(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(HOUR).await?;
    fixture.store.lease_revoke(lease).await?;
    let again = fixture.store.lease_revoke(lease).await;
    ensure_eq!(again, Err(Error::LeaseNotFound(lease)), "revoking again");
    let kept = fixture.store.lease_keep_alive(lease).await;
    ensure_eq!(kept, Err(Error::LeaseNotFound(lease)), "keeping it alive");
    ensure_eq!(fixture.store.leases().await?, [], "leases");
    Ok(())
}

async fn a_put_without_a_lease_detaches_the_key(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(HOUR).await?;
    fixture.attach("k", lease).await?;
    fixture.put("k", "2").await?;
    ensure_eq!(fixture.existing("k").await?.lease, LeaseId::NONE, "lease of the key");
    fixture.store.lease_revoke(lease).await?;
    fixture.existing("k").await?;
    Ok(())
}

async fn a_put_with_another_lease_moves_the_key(fixture: &Fixture) -> CaseResult {
    let (first, second) = (fixture.grant(HOUR).await?, fixture.grant(HOUR).await?);
    fixture.attach("k", first).await?;
    fixture.attach("k", second).await?;
    fixture.store.lease_revoke(first).await?;
    ensure_eq!(fixture.existing("k").await?.lease, second, "lease of the key");
    fixture.store.lease_revoke(second).await?;
    ensure_eq!(fixture.key("k").await?, None, "the key");
    Ok(())
}

async fn a_deleted_key_is_detached(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(HOUR).await?;
    fixture.attach("k", lease).await?;
    fixture.delete("k").await?;
    fixture.put("k", "anew").await?;
    ensure_eq!(fixture.store.lease_time_to_live(lease).await?.keys.len(), 0, "keys attached");
    fixture.store.lease_revoke(lease).await?;
    fixture.existing("k").await?;
    Ok(())
}

async fn what_is_left_of_a_lease_lists_its_keys(fixture: &Fixture) -> CaseResult {
    let (lease, other) = (fixture.grant(HOUR).await?, fixture.grant(HOUR).await?);
    for (key, lease) in [("c", lease), ("a", lease), ("x", other), ("b", lease)] {
        fixture.attach(key, lease).await?;
    }
    let left = fixture.store.lease_time_to_live(lease).await?;
    ensure_eq!(left.id, lease, "id");
    ensure_eq!(left.keys, ["a", "b", "c"], "keys attached");
    ensure!(left.granted >= Duration::from_secs(HOUR), "granted {:?}", left.granted);
    let remaining = left.remaining;
    ensure!(!remaining.is_zero() && remaining <= left.granted, "remaining {remaining:?}");
    Ok(())
}

async fn an_unknown_lease_is_refused_everywhere(fixture: &Fixture) -> CaseResult {
    for id in [LeaseId(404), LeaseId::NONE] {
        let missing = Error::LeaseNotFound(id);
        let store = &fixture.store;
        ensure_eq!(store.lease_revoke(id).await, Err(missing.clone()), "revoking {id}");
        ensure_eq!(store.lease_keep_alive(id).await, Err(missing.clone()), "keeping {id} alive");
        ensure_eq!(store.lease_time_to_live(id).await, Err(missing), "what is left of {id}");
    }
    Ok(())
}

async fn keep_alive_restores_the_whole_time(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(HOUR).await?;
    let left = async || -> Result<Duration, CaseError> {
        Ok(fixture.store.lease_time_to_live(lease).await?.remaining)
    };
    let used = async || Ok(left().await? + Duration::from_millis(500) < Duration::from_secs(HOUR));
    fixture.eventually("some of the lease's time is used up", used).await?;
    // Under a real clock a pause of this process may use up what was restored, hence the loop.
    let restored = async || {
        let before = left().await?;
        let ttl = fixture.store.lease_keep_alive(lease).await?;
        ensure!(ttl >= Duration::from_secs(HOUR), "keep alive answered {ttl:?}");
        Ok(left().await? > before)
    };
    fixture.eventually("more time is left after a keep alive", restored).await
}

/// Attaches keys to a short lease, waits until it has ended, and gives lease and revision before.
async fn let_expire(fixture: &Fixture) -> Result<(LeaseId, Revision), CaseError> {
    let lease = fixture.grant(1).await?;
    let puts = ["b", "a"].map(|key| super::fixture::put_leased(key, "v", lease));
    let before = fixture.txn(Txn::ops(puts)).await?.revision;
    let mut watch = fixture.watch_all(before.next()).await?;
    let batch = watch.next_in_time().await?;
    let want = ["a", "b"].map(|key| (EventKind::Delete, key.to_owned(), before.0 + 1));
    ensure_eq!(briefs(&batch.events), want, "events of the expiry");
    ensure!(batch.events.iter().all(|event| event.prev_kv.is_some()), "no previous key: {batch:?}");
    Ok((lease, before))
}

async fn an_expired_lease_deletes_its_keys_in_one_revision(fixture: &Fixture) -> CaseResult {
    let (_, before) = let_expire(fixture).await?;
    let found = fixture.all().await?;
    ensure_eq!((found.count, found.revision), (0, before.next()), "keys and revision");
    Ok(())
}

async fn an_expired_lease_is_gone(fixture: &Fixture) -> CaseResult {
    let (lease, _) = let_expire(fixture).await?;
    let gone = Err(Error::LeaseNotFound(lease));
    ensure_eq!(fixture.store.lease_keep_alive(lease).await, gone, "keeping it alive");
    ensure_eq!(fixture.store.leases().await?, [], "leases");
    let put = fixture.refused(Txn::ops([super::fixture::put_leased("k", "v", lease)])).await?;
    ensure_eq!(put, Error::LeaseNotFound(lease), "a put with it");
    Ok(())
}

async fn a_lease_does_not_end_before_its_time(fixture: &Fixture) -> CaseResult {
    let lease = fixture.grant(HOUR).await?;
    fixture.attach("k", lease).await?;
    if let ClockControl::Manual(clock) = &fixture.clock {
        clock.advance(Duration::from_secs(HOUR - 10));
    }
    fixture.existing("k").await?;
    fixture.store.lease_keep_alive(lease).await?;
    Ok(())
}

/// Only where the clock obeys: under a real one a pause of this process would fail the case.
async fn a_lease_that_is_kept_alive_does_not_end(fixture: &Fixture) -> CaseResult {
    let ClockControl::Manual(clock) = &fixture.clock else { return Ok(()) };
    let lease = fixture.grant(60).await?;
    fixture.attach("k", lease).await?;
    for _ in 0..5 {
        clock.advance(Duration::from_secs(40));
        fixture.store.lease_keep_alive(lease).await?;
        fixture.existing("k").await?;
    }
    Ok(())
}

async fn leases_end_independently(fixture: &Fixture) -> CaseResult {
    let long = fixture.grant(HOUR).await?;
    fixture.attach("long", long).await?;
    let short = fixture.grant(1).await?;
    let before = fixture.attach("short", short).await?;
    let mut watch = fixture.watch_all(before.next()).await?;
    let told = briefs(&watch.next_in_time().await?.events);
    ensure_eq!(told, [(EventKind::Delete, "short".to_owned(), before.0 + 1)], "events");
    fixture.existing("long").await?;
    ensure_eq!(fixture.store.leases().await?, [long], "leases");
    Ok(())
}
