//! Telling the cluster this member's name and where clients reach it, and asking for a vote if it was
//! added to have one.

use quorate_member::{Member, MembershipError, Role};
use quorate_seams::SharedClock;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(200);

/// Publishes until it is done or this member turns out to be removed.
pub(crate) async fn publish(
    member: &Member,
    clock: &SharedClock,
    name: &str,
    client_urls: &[String],
) {
    loop {
        match member.core().publish(name, client_urls.to_vec()).await {
            Ok(_) => break,
            Err(error) => {
                tracing::debug!(%error, "failed to publish local member to cluster through raft");
                clock.sleep(PAUSE).await;
            }
        }
    }
    tracing::info!(
        "published {{Name:{name} ClientURLs:[{}]}} to cluster {:x}",
        client_urls.join(" "),
        member.cluster().0
    );
}

/// Asks for a vote until this member has one; does nothing for a learner that is to stay one.
pub(crate) async fn take_part(member: Member, clock: SharedClock) {
    loop {
        let own = member.members().into_iter().find(|known| known.id == member.id());
        match own {
            Some(own) if own.role == Role::Learner && own.joining => {}
            // Not heard of yet, by a member that has just begun.
            None => {
                clock.sleep(PAUSE).await;
                continue;
            }
            Some(_) => return,
        }
        match member.promote(member.id()).await {
            Ok(_) | Err(MembershipError::NotLearner { .. }) => {
                tracing::info!("this member has caught up and has a vote");
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "this member has no vote yet");
                clock.sleep(PAUSE).await;
            }
        }
    }
}
