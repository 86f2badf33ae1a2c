//! Comparing the history with the other members'.

use super::LaunchError;
use quorate_member::Member;
use quorate_seams::SharedClock;
use std::time::Duration;

/// Refuses to serve a history that differs from what other members have. A cluster without a leader,
/// and members that do not answer, are no reason to refuse (etcd's rule).
pub(crate) async fn check_at_start(member: &Member, limit: Duration) -> Result<(), LaunchError> {
    if let Err(error) = member.wait_ready(limit).await {
        tracing::warn!(%error, "the history is not compared with other members: there is no leader");
        return Ok(());
    }
    match member.verify().await {
        Ok(found) if !found.diverged(member.id()).is_empty() => {
            Err(LaunchError::Inconsistent { member: member.id() })
        }
        Ok(_) => {
            tracing::info!("initial corruption checking passed; no corruption");
            Ok(())
        }
        Err(error) => {
            tracing::warn!(%error, "the history was not compared with other members");
            Ok(())
        }
    }
}

/// Compares again and again while this member leads.
pub(crate) async fn check_forever(member: Member, clock: SharedClock, every: Duration) {
    loop {
        clock.sleep(every).await;
        if member.wait_ready(every).await.is_err() || !leads(&member) {
            continue;
        }
        match member.verify().await {
            Ok(found) => {
                for other in found.diverged(member.id()) {
                    tracing::error!(member = %format!("{:x}", other.0), "found hash mismatch with a member");
                }
            }
            Err(error) => tracing::warn!(%error, "the history was not compared with other members"),
        }
    }
}

fn leads(member: &Member) -> bool {
    quorate_store::Store::status(member).leading().is_some()
}
