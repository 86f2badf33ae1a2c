//! Members come and go while the cluster serves.

use crate::cluster::{
    PATIENCE, cluster, eventually, free_addresses, leader_first, options, start, start_all,
};
use quorate_member::{Member, MemberOptions, MembershipError, Role, force_new_cluster};
use quorate_seams::Seams;
use quorate_store::{Error, RangeRequest, Store, Txn};
use quorate_types::{MemberId, Revision};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

async fn put_many(member: &Member, prefix: &str, count: u32) -> Revision {
    let mut last = Revision::NONE;
    for number in 0..count {
        let put = member.txn(Txn::put(format!("{prefix}/{number}"), "v")).await;
        last = put.unwrap().revision;
    }
    last
}

fn joining(root: &Path, id: u64, addresses: &[SocketAddr]) -> MemberOptions {
    options(root, id, addresses).peers(BTreeMap::new()).join()
}

/// Promotes as soon as the learner has caught up.
async fn promote(via: &Member, id: MemberId) {
    eventually("the learner has caught up", async || match via.promote(id).await {
        Ok(_) | Err(MembershipError::NotLearner { .. }) => true,
        Err(MembershipError::NotReady { .. } | MembershipError::InProgress) => false,
        Err(error) => panic!("{error}"),
    })
    .await;
}

async fn same_state(members: &[&Member], revision: Revision) {
    let mut hashes = Vec::new();
    for member in members {
        member.wait_ready(PATIENCE).await.unwrap();
        hashes.push(member.hash_kv(revision).await.unwrap());
    }
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_one_grows_to_three_loses_its_first_member_and_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(3);
    let first = start(options(root.path(), 1, &addresses[..1])).await;
    first.wait_ready(PATIENCE).await.unwrap();
    put_many(&first, "before", 50).await;
    let mut joined = Vec::new();
    for id in 2..=3 {
        let member = start(joining(root.path(), id, &addresses)).await;
        let address = addresses[usize::try_from(id).unwrap() - 1].to_string();
        let members = first.add_learner(MemberId(id), address.clone()).await.unwrap();
        let added = members.iter().find(|member| member.id == MemberId(id)).unwrap();
        assert_eq!((added.role, &added.addr), (Role::Learner, &address));
        let again = first.add_learner(MemberId(id), address).await.unwrap();
        assert_eq!(again, members, "harmless to repeat");
        promote(&first, MemberId(id)).await;
        joined.push(member);
    }
    assert!(first.members().iter().all(|member| member.role == Role::Voter));
    put_many(&joined[0], "grown", 20).await;
    first.kill().await;

    let revision = put_many(&joined[1], "after", 20).await;
    same_state(&[&joined[0], &joined[1]], revision).await;
    let members = joined[0].remove(MemberId(1)).await.unwrap();
    assert_eq!(members.iter().map(|member| member.id.0).collect::<Vec<_>>(), [2, 3]);
    let found = joined[1].range(RangeRequest::prefix("before/")).await.unwrap();
    assert_eq!(found.kvs.len(), 50);
    let gone = joined[0].remove(MemberId(1)).await.unwrap_err();
    assert_eq!(gone, MembershipError::NotFound { id: MemberId(1) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_majority_has_is_not_answered_as_made() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    let [leader, second, third] = &members[..] else { panic!("three members") };
    leader.add_learner(MemberId(8), "localhost:8").await.unwrap();
    second.kill().await;
    third.kill().await;
    // The first attempt leaves the change in the leader's log; those after it find it there.
    for _ in 0..3 {
        let added = leader.add_learner(MemberId(9), "localhost:9").await;
        assert!(matches!(added, Err(MembershipError::Store(_))), "{added:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_replaced_and_a_leader_takes_itself_out() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    let [leader, second, third] = &members[..] else { panic!("three members") };
    put_many(leader, "before", 20).await;
    third.kill().await;
    leader.remove(third.id()).await.unwrap();
    let addresses = free_addresses(4);
    let fourth = start(joining(root.path(), 4, &addresses)).await;
    leader.add_learner(MemberId(4), addresses[3].to_string()).await.unwrap();
    promote(leader, MemberId(4)).await;

    leader.remove(leader.id()).await.unwrap();
    eventually("another leads", async || {
        let known = second.status().leader;
        known.is_some() && known != Some(leader.id())
    })
    .await;
    let revision = put_many(second, "after", 20).await;
    same_state(&[second, &fourth], revision).await;
    let integrity = second.verify().await.unwrap();
    assert_eq!((integrity.hashes.len(), integrity.is_whole()), (2, true), "{integrity:?}");
    assert_eq!(second.members().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_moved_is_found_by_the_leader_that_led_before() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    let [leader, second, third] = &members[..] else { panic!("three members") };
    put_many(leader, "before", 20).await;
    let (term, id) = (leader.status().term, third.id());
    third.kill().await;
    let mut addresses = free_addresses(3);
    for member in [leader, second] {
        addresses[usize::try_from(member.id().0).unwrap() - 1] = member.local_addr();
    }
    let at = addresses[usize::try_from(id.0).unwrap() - 1].to_string();
    second.relocate(id, at).await.unwrap();
    let third = start(options(root.path(), id.0, &addresses)).await;
    let revision = put_many(leader, "after", 20).await;
    eventually("what the leader writes arrives", async || third.status().revision >= revision)
        .await;
    assert_eq!(leader.status().leading(), Some(term), "nobody had to elect anyone");
    same_state(&[leader, second, &third], revision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_with_an_emptied_directory_takes_no_part_until_it_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(4);
    let founders = &addresses[..3];
    let members = start_all(root.path(), founders).await;
    let [first, second, third] = &members[..] else { panic!("three members") };
    first.wait_ready(PATIENCE).await.unwrap();
    put_many(first, "before", 20).await;
    eventually("the cluster knows the logs of its voters", async || {
        members.iter().all(|it| it.recognises(third.id()))
    })
    .await;
    third.kill().await;
    std::fs::remove_dir_all(root.path().join("member-3")).unwrap();

    let emptied = start(options(root.path(), 3, founders)).await;
    eventually("the emptied member refuses", async || {
        let refused = emptied.range(RangeRequest::key("before/0")).await;
        matches!(&refused, Err(Error::Fatal { reason }) if reason.contains("emptied"))
    })
    .await;
    first.kill().await;
    let alone = second.txn(Txn::put("alone", "v")).await;
    assert!(alone.is_err(), "the emptied member counts for no majority: {alone:?}");
    emptied.kill().await;

    let first = start(options(root.path(), 1, founders)).await;
    first.wait_ready(PATIENCE).await.unwrap();
    eventually("the emptied member is removed", async || first.remove(MemberId(3)).await.is_ok())
        .await;
    let fourth = start(joining(root.path(), 4, &addresses)).await;
    first.add_learner(MemberId(4), addresses[3].to_string()).await.unwrap();
    promote(&first, MemberId(4)).await;
    assert!(first.recognises(MemberId(4)), "a vote only for a log that is known");
    let revision = put_many(&first, "after", 20).await;
    same_state(&[&first, second, &fourth], revision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_directory_was_set_back_does_not_start() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(3);
    let mut members = leader_first(start_all(root.path(), &addresses).await).await;
    eventually("the cluster knows the logs of its voters", async || {
        members.iter().all(|it| members.iter().all(|of| it.recognises(of.id())))
    })
    .await;
    let id = members[2].id();
    // The leader has seen what it acknowledged; when it led itself, the followers have.
    for leads in [false, true] {
        let place = members.iter().position(|it| it.id() == id).unwrap();
        let dir = root.path().join(format!("member-{id}"));
        let copy = root.path().join(format!("copy-{id}"));
        members[place].kill().await;
        copy_dir(&dir, &copy);
        members[place] = start(options(root.path(), id.0, &addresses)).await;
        eventually("it leads, if it is to", async || {
            members = leader_first(std::mem::take(&mut members)).await;
            let done = (members[0].id() == id) == leads;
            if !done {
                members[0].transfer_leadership(if leads { id } else { members[1].id() }).await;
            }
            done
        })
        .await;
        let place = members.iter().position(|it| it.id() == id).unwrap();
        let revision = put_many(&members[1], "seen", 20).await;
        same_state(&members.iter().collect::<Vec<_>>(), revision).await;
        let last = members[place].log_position().0;
        eventually("somebody has seen what it has", async || {
            members.iter().any(|it| it.core().consensus().seen_of(id) >= Some(last))
        })
        .await;
        members[place].kill().await;
        let whole = root.path().join(format!("whole-{id}"));
        std::fs::rename(&dir, &whole).unwrap();
        std::fs::rename(&copy, &dir).unwrap();
        let refused = Member::start(options(root.path(), id.0, &addresses), Seams::system()).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("set back") && refused.contains("has seen it"), "{refused}");
        std::fs::remove_dir_all(&dir).unwrap();
        std::fs::rename(&whole, &dir).unwrap();
        members[place] = start(options(root.path(), id.0, &addresses)).await;
        members = leader_first(members).await;
    }
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_cannot_be_right_are_refused_from_every_member() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    let before = members[0].members();
    let addr = |id: MemberId| before.iter().find(|it| it.id == id).unwrap().addr.clone();
    for asked in &members {
        let (id, other) = (members[0].id(), members[1].id());
        let exists = asked.add_learner(id, "127.0.0.1:1").await.unwrap_err();
        assert_eq!(exists, MembershipError::Exists { id, addr: addr(id) });
        let in_use = asked.add_learner(MemberId(9), addr(id)).await.unwrap_err();
        assert_eq!(in_use, MembershipError::AddressInUse { id, addr: addr(id) });
        let missing = asked.promote(MemberId(9)).await.unwrap_err();
        assert_eq!(missing, MembershipError::NotFound { id: MemberId(9) });
        let voter = asked.promote(other).await.unwrap_err();
        assert_eq!(voter, MembershipError::NotLearner { id: other });
        assert_eq!(asked.members(), before);
    }

    // A learner that does not run never catches up.
    members[1].add_learner(MemberId(9), "127.0.0.1:9").await.unwrap();
    let lags = members[1].promote(MemberId(9)).await.unwrap_err();
    assert!(matches!(lags, MembershipError::NotReady { matched: 0, .. }), "{lags}");
    members[1].remove(MemberId(9)).await.unwrap();

    // With one of three down, the majority of what would be left is not there.
    members[2].kill().await;
    eventually("the cluster would be left without a majority", async || {
        matches!(
            members[0].remove(members[1].id()).await,
            Err(MembershipError::Unhealthy { active: 1, voters: 2 })
        )
    })
    .await;
    assert_eq!(members[0].members(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_voter_stays() {
    let root = tempfile::tempdir().unwrap();
    let member = start(options(root.path(), 1, &free_addresses(1))).await;
    member.wait_ready(PATIENCE).await.unwrap();
    let error = member.remove(MemberId(1)).await.unwrap_err();
    assert_eq!(error, MembershipError::LastVoter { id: MemberId(1) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_members_publish_is_known_to_all_and_one_that_joins_asks_for_its_vote() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(2);
    let first = start(options(root.path(), 1, &addresses[..1])).await;
    first.wait_ready(PATIENCE).await.unwrap();
    let urls = vec!["http://c:1".to_owned()];
    first.core().publish("one", urls.clone()).await.unwrap();
    let two = addresses[1].to_string();
    let members = first.core().add_joining(MemberId(2), two).await.unwrap();
    assert_eq!(members.iter().filter(|member| member.joining).count(), 1);
    // It has not started: the cluster of one goes on without it.
    first.txn(Txn::put("alone", "v")).await.unwrap();
    let second = start(joining(root.path(), 2, &addresses)).await;
    second.wait_ready(PATIENCE).await.unwrap();
    second.core().publish("two", Vec::new()).await.unwrap();
    promote(&second, MemberId(2)).await;
    for member in [&first, &second] {
        eventually("both know both", async || {
            let known = member.members();
            let named = |name: &str| known.iter().find(|member| member.name == name).cloned();
            let (one, two) = (named("one"), named("two"));
            one.is_some_and(|one| one.client_urls == urls)
                && two.is_some_and(|two| two.role == Role::Voter && !two.joining)
        })
        .await;
    }
    second.shutdown().await.unwrap();
    first.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_a_cluster_without_majority_goes_on_alone_by_force() {
    let root = tempfile::tempdir().unwrap();
    let addresses = free_addresses(3);
    let members = start_all(root.path(), &addresses).await;
    for member in &members {
        member.wait_ready(PATIENCE).await.unwrap();
    }
    let last = put_many(&members[0], "kept", 20).await;
    members[0].wait_ready(PATIENCE).await.unwrap();
    for member in &members {
        member.kill().await;
    }
    drop(members);
    let own = options(root.path(), 1, &addresses);
    let addr = addresses[0].to_string();
    force_new_cluster(own.clone(), addr, Seams::system()).await.unwrap();
    let alone = start(own).await;
    alone.wait_ready(PATIENCE).await.unwrap();
    assert_eq!(alone.members().len(), 1);
    let kept = alone.range(RangeRequest::key("kept/19")).await.unwrap();
    assert_eq!((kept.kvs.len(), kept.revision), (1, last));
    alone.txn(Txn::put("after", "v")).await.unwrap();
    alone.shutdown().await.unwrap();
}
