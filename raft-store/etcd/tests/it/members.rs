//! Whole servers from flags: members that are added join, and everybody knows everybody.

use crate::own::{PATIENCE, soon, until};
use quorate_etcd::Etcd;
use quorate_etcd::config::{Command, Config};
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_seams::Seams;
use std::path::Path;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

/// A server that was started with flags, and where it is reached.
struct Started {
    etcd: Etcd,
    client: String,
    peer: String,
}

fn free_url() -> String {
    format!("http://{}", quorate_seams::unused_loopback(1).unwrap()[0])
}

async fn start(root: &Path, name: &str, peer: &str, cluster: &str, more: &[&str]) -> Started {
    let client = free_url();
    let dir = root.join(name).display().to_string();
    let flags = [
        ("--name", name),
        ("--data-dir", &dir),
        ("--listen-client-urls", &client),
        ("--advertise-client-urls", &client),
        ("--listen-peer-urls", peer),
        ("--initial-advertise-peer-urls", peer),
        ("--initial-cluster", cluster),
        ("--heartbeat-interval", "30"),
        ("--election-timeout", "150"),
    ];
    let flags = flags.iter().flat_map(|(name, value)| [*name, *value]).chain(more.iter().copied());
    let loaded = Config::load(flags.map(str::to_owned), std::iter::empty()).unwrap();
    let Command::Serve(config) = loaded else { panic!("{loaded:?}") };
    let etcd = Etcd::start(&config, Seams::system()).await.unwrap();
    etcd.member().wait_ready(PATIENCE).await.unwrap();
    Started { etcd, client, peer: peer.to_owned() }
}

type Cluster = pb::cluster_client::ClusterClient<Channel>;

impl Started {
    async fn cluster(&self) -> Cluster {
        let endpoint = Endpoint::from_shared(self.client.clone()).unwrap();
        Cluster::new(soon(endpoint.connect()).await.unwrap())
    }

    async fn members(&self) -> Vec<pb::Member> {
        let request = pb::MemberListRequest { linearizable: true };
        self.cluster().await.member_list(request).await.unwrap().into_inner().members
    }

    async fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.members().await.into_iter().map(|member| member.name).collect();
        names.sort();
        names
    }

    async fn add(&self, peer: &str, is_learner: bool) -> Result<pb::Member, tonic::Status> {
        let request = pb::MemberAddRequest { peer_ur_ls: vec![peer.to_owned()], is_learner };
        let added = self.cluster().await.member_add(request).await?;
        Ok(added.into_inner().member.unwrap())
    }
}

const EXISTING: [&str; 2] = ["--initial-cluster-state", "existing"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_added_join_and_are_known_by_name_on_all() {
    let root = tempfile::tempdir().unwrap();
    let (at_a, at_b) = (free_url(), free_url());
    let a = start(root.path(), "a", &at_a, &format!("a={at_a}"), &[]).await;
    until("the first member's name", || async { a.names().await == ["a"] }).await;
    let added = a.add(&at_b, false).await.unwrap();
    assert!(!added.is_learner && added.name.is_empty());
    assert_eq!(added.peer_ur_ls, std::slice::from_ref(&at_b));
    // The one that was added has not started, so that no other may be added now.
    let refused = a.add(&free_url(), false).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unknown, "{refused}");
    assert!(refused.message().contains("not enough started members"), "{refused}");
    let taken = a.add(&at_b, true).await.unwrap_err();
    assert_eq!(taken.message(), "etcdserver: Peer URLs already exists");

    let both = format!("a={at_a},b={at_b}");
    let b = start(root.path(), "b", &at_b, &both, &EXISTING).await;
    assert_eq!(b.etcd.member().id().0, added.id, "the cluster says who it is");
    // Before it has one, it refuses what a learner refuses.
    until("its vote", || async { b.etcd.member().voters().len() == 2 }).await;
    for member in [&a, &b] {
        until("both names", || async { member.names().await == ["a", "b"] }).await;
    }
    let known = a.members().await.into_iter().find(|member| member.name == "b").unwrap();
    assert_eq!((known.client_ur_ls, known.is_learner), (vec![b.client.clone()], false));
    b.etcd.stop().await.unwrap();
    a.etcd.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_is_promoted_moved_and_removed_over_the_wire() {
    let root = tempfile::tempdir().unwrap();
    let (at_a, at_b) = (free_url(), free_url());
    let a = start(root.path(), "a", &at_a, &format!("a={at_a}"), &[]).await;
    until("the first member's name", || async { a.names().await == ["a"] }).await;
    let id = a.add(&at_b, true).await.unwrap().id;
    let second = a.add(&free_url(), true).await.unwrap_err();
    assert_eq!(second.message(), "etcdserver: too many learner members in cluster");
    let b = start(root.path(), "b", &at_b, &format!("a={at_a},b={at_b}"), &EXISTING).await;
    assert!(a.members().await.iter().any(|member| member.id == id && member.is_learner));
    let promoted = || async {
        let request = pb::MemberPromoteRequest { id };
        match a.cluster().await.member_promote(request).await {
            Ok(_) => true,
            Err(early) => {
                let wait =
                    "etcdserver: can only promote a learner member which is in sync with leader";
                assert_eq!(early.message(), wait);
                false
            }
        }
    };
    until("the learner's vote", promoted).await;
    let again = a.cluster().await.member_promote(pb::MemberPromoteRequest { id }).await;
    assert_eq!(again.unwrap_err().message(), "etcdserver: can only promote a learner member");

    let elsewhere = vec![b.peer.clone(), free_url()];
    let update = pb::MemberUpdateRequest { id, peer_ur_ls: elsewhere.clone() };
    a.cluster().await.member_update(update).await.unwrap();
    let moved = a.members().await.into_iter().find(|member| member.id == id).unwrap();
    assert_eq!(moved.peer_ur_ls.len(), 2, "{moved:?}");
    let bad = pb::MemberUpdateRequest { id, peer_ur_ls: vec!["nowhere".to_owned()] };
    let bad = a.cluster().await.member_update(bad).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);

    let removed = a.cluster().await.member_remove(pb::MemberRemoveRequest { id }).await.unwrap();
    assert_eq!(removed.into_inner().members.len(), 1);
    let unknown = a.cluster().await.member_remove(pb::MemberRemoveRequest { id }).await;
    assert_eq!(unknown.unwrap_err().message(), "etcdserver: member not found");
    drop(b);
    a.etcd.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcds_directory_is_not_taken_for_an_empty_one() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("member/snap")).unwrap();
    let dir = root.path().display().to_string();
    let (at, client) = (free_url(), free_url());
    let cluster = format!("default={at}");
    let flags = [
        ["--data-dir", &dir],
        ["--initial-cluster", &cluster],
        ["--initial-advertise-peer-urls", &at],
        ["--listen-peer-urls", &at],
        ["--listen-client-urls", &client],
        ["--advertise-client-urls", &client],
    ];
    let flags = flags.iter().flatten().map(|flag| (*flag).to_owned());
    let Command::Serve(config) = Config::load(flags, std::iter::empty()).unwrap() else { panic!() };
    let refused = Etcd::start(&config, Seams::system()).await.unwrap_err().to_string();
    assert!(refused.contains("quorate-etcdutl"), "{refused}");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1, "nothing was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_goes_on_from_its_directory_whatever_the_flags_say_about_the_cluster() {
    let root = tempfile::tempdir().unwrap();
    let at = free_url();
    let a = start(root.path(), "a", &at, &format!("a={at}"), &[]).await;
    let (id, cluster) = (a.etcd.member().id(), a.etcd.member().cluster());
    a.etcd.stop().await.unwrap();
    let corrupt = ["--initial-cluster-token", "other", "--experimental-initial-corrupt-check"];
    let a = start(root.path(), "a", &at, &format!("a={at}"), &corrupt).await;
    assert_eq!((a.etcd.member().id(), a.etcd.member().cluster()), (id, cluster));
    a.etcd.stop().await.unwrap();
}
