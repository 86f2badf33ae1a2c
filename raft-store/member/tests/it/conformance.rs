//! The suite that every store must pass, on one member and on a follower of three.

use crate::cluster::{cluster, leader_first, options, start};
use async_trait::async_trait;
use quorate_auth::{AuthChange, Caller};
use quorate_store::conformance::{ClockControl, Fixture, StoreFactory, run};
use std::sync::Arc;

struct OneMember;

#[async_trait]
impl StoreFactory for OneMember {
    async fn fresh(&self) -> Fixture {
        let root = tempfile::tempdir().unwrap();
        let member = start(options(root.path(), 1, &crate::cluster::free_addresses(1))).await;
        member.wait_ready(crate::cluster::PATIENCE).await.unwrap();
        Fixture::new(member.store(), ClockControl::Real).keeping(member).keeping(root)
    }
}

struct FollowerOfThree;

#[async_trait]
impl StoreFactory for FollowerOfThree {
    async fn fresh(&self) -> Fixture {
        let root = tempfile::tempdir().unwrap();
        let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
        let follower = members[2].store();
        Fixture::new(follower, ClockControl::Real).keeping(members).keeping(root)
    }
}

/// A member that checks who asks, asked by root.
struct OnBehalfOfRoot;

#[async_trait]
impl StoreFactory for OnBehalfOfRoot {
    async fn fresh(&self) -> Fixture {
        let root = tempfile::tempdir().unwrap();
        let member = start(options(root.path(), 1, &crate::cluster::free_addresses(1))).await;
        member.wait_ready(crate::cluster::PATIENCE).await.unwrap();
        for change in [
            AuthChange::add_user("root", "hash"),
            AuthChange::grant_role("root", "root"),
            AuthChange::Enable,
        ] {
            member.core().change_auth(change).await.unwrap();
        }
        let revision = member.core().auth().await.unwrap().revision();
        let store = Arc::new(member.on_behalf(Caller::new("root", revision)));
        Fixture::new(store, ClockControl::Real).keeping(member).keeping(root)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_on_behalf_of_root_conforms_to_the_store_contract() {
    run(&OnBehalfOfRoot).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_conforms_to_the_store_contract() {
    run(&OneMember).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_of_three_conforms_to_the_store_contract() {
    run(&FollowerOfThree).await.assert_passed();
}
