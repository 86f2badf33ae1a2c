//! Leases, those that the handles keep for themselves apart.
//!
//! Invariant: a lease of a handle has an id of [`RESERVED`], so that it is never listed as one of the
//! store's and never granted to a user who did not name it.

use crate::errors::{Refusal, refusal};
use crate::keyspace::Keyspace;
use bytes::Bytes;
use etcd_client::{LeaseClient, LeaseGrantOptions, LeaseTimeToLiveOptions};
use quorate_seams::Random;
use quorate_store::{Error, LeaseGranted, LeaseTimeToLive};
use quorate_types::LeaseId;
use quorate_types::limits::MAX_LEASE_TTL_SECONDS;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Ids of leases that the handles keep for themselves.
const RESERVED: RangeInclusive<i64> = 0x7175_6f72_6100_0000..=0x7175_6f72_61ff_ffff;

fn told(refused: Refusal, id: LeaseId) -> Error {
    match refused {
        Refusal::LeaseNotFound => Error::LeaseNotFound(id),
        Refusal::LeaseExists => Error::LeaseExists(id),
        other => other.into(),
    }
}

/// Whole seconds, rounded up: a lease never ends sooner than asked.
fn seconds(ttl: Duration) -> Result<i64, Error> {
    let whole = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
    let seconds = i64::try_from(whole).unwrap_or(i64::MAX);
    if (1..=MAX_LEASE_TTL_SECONDS).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(Error::LeaseTtl { seconds, limit: MAX_LEASE_TTL_SECONDS })
    }
}

fn duration(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

pub(crate) async fn grant(
    mut client: LeaseClient,
    id: LeaseId,
    ttl: Duration,
) -> Result<LeaseGranted, Error> {
    let asked = seconds(ttl)?;
    let options = LeaseGrantOptions::new().with_id(id.0);
    let granted = client.grant(asked, Some(options)).await;
    let granted = granted.map_err(|error| match refusal(error) {
        Refusal::LeaseTtl => Error::LeaseTtl { seconds: asked, limit: MAX_LEASE_TTL_SECONDS },
        other => told(other, id),
    })?;
    Ok(LeaseGranted { id: LeaseId(granted.id()), ttl: duration(granted.ttl()) })
}

/// Grants a lease that is the handle's own.
pub(crate) async fn grant_reserved(
    client: LeaseClient,
    random: &dyn Random,
    ttl: Duration,
) -> Result<LeaseId, Error> {
    let span = RESERVED.end() - RESERVED.start() + 1;
    loop {
        let drawn = i64::try_from(random.below(span.unsigned_abs())).unwrap_or(0);
        let id = LeaseId(RESERVED.start() + drawn);
        match grant(client.clone(), id, ttl).await {
            Ok(granted) => return Ok(granted.id),
            Err(Error::LeaseExists(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

pub(crate) async fn revoke(mut client: LeaseClient, id: LeaseId) -> Result<(), Error> {
    let revoked = client.revoke(id.0).await;
    revoked.map(|_| ()).map_err(|error| told(refusal(error), id))
}

pub(crate) async fn keep_alive(mut client: LeaseClient, id: LeaseId) -> Result<Duration, Error> {
    // The client has taken the first answer for itself, and tells no time: ask once more.
    let kept = async {
        let (mut keeper, mut answers) = client.keep_alive(id.0).await?;
        keeper.keep_alive().await?;
        answers.message().await
    };
    match kept.await.map_err(|error| told(refusal(error), id))? {
        Some(answer) if answer.ttl() > 0 => Ok(duration(answer.ttl())),
        _ => Err(Error::LeaseNotFound(id)),
    }
}

pub(crate) async fn time_to_live(
    space: &Keyspace,
    mut client: LeaseClient,
    id: LeaseId,
) -> Result<LeaseTimeToLive, Error> {
    let options = LeaseTimeToLiveOptions::new().with_keys();
    let left = client.time_to_live(id.0, Some(options)).await;
    let left = left.map_err(|error| told(refusal(error), id))?;
    if left.ttl() < 0 {
        return Err(Error::LeaseNotFound(id));
    }
    let mut keys: Vec<Bytes> = left.keys().iter().filter_map(|key| space.strip(key)).collect();
    keys.sort_unstable();
    let (granted, remaining) = (duration(left.granted_ttl()), duration(left.ttl()));
    Ok(LeaseTimeToLive { id, granted, remaining, keys })
}

pub(crate) async fn list(mut client: LeaseClient) -> Result<Vec<LeaseId>, Error> {
    let listed = client.leases().await.map_err(|error| Error::from(refusal(error)))?;
    let ids = listed.leases().iter().map(etcd_client::LeaseStatus::id);
    let mut ids: Vec<_> = ids.filter(|id| !RESERVED.contains(id)).map(LeaseId).collect();
    ids.sort_unstable();
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_and_never_shorter() {
        assert_eq!(seconds(Duration::from_millis(1)), Ok(1));
        assert_eq!(seconds(Duration::from_millis(1000)), Ok(1));
        assert_eq!(seconds(Duration::from_millis(1001)), Ok(2));
        for refused in [Duration::ZERO, Duration::MAX] {
            assert!(matches!(seconds(refused), Err(Error::LeaseTtl { .. })));
        }
    }
}
