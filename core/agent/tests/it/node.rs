//! The node's object and lease.

use crate::world::{NODE, World};
use quorate_agent::{Agent, Error, LeaseState};
use quorate_kinds::{Lease, Node};
use quorate_types::ObjectKey;
use std::time::Duration;

fn lease_key() -> ObjectKey {
    ObjectKey::namespaced("kube-node-lease", NODE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_registers_itself_and_renews_its_lease_without_touching_its_object() {
    let world = World::new().await;
    let agent = world.agent().await;
    let lease = world.until("leased", |snapshot| snapshot.get::<Lease>(&lease_key())).await;
    let node = world.until("registered", |snapshot| {
        snapshot.get::<Node>(&ObjectKey::cluster(NODE)).filter(|node| node.value.status.is_some())
    });
    let node = node.await;
    let labels = node.metadata().labels.clone();
    assert_eq!(labels["kubernetes.io/hostname"], NODE);
    assert_eq!(labels["quorate.dev/runtime-fake"], "true");
    let status = node.value.status.as_ref().unwrap();
    assert_eq!(status.conditions.as_ref().unwrap()[0].status, "True");
    assert_eq!(status.allocatable.as_ref().unwrap()["pods"].0, "110");
    assert_eq!(node.value.spec.as_ref().unwrap().pod_cidr.as_deref(), Some("127.10.0.0/24"));
    let first = lease.value.spec.as_ref().unwrap().renew_time.clone().unwrap();
    world.eventually("held", || agent.status().lease == LeaseState::Held).await;
    world.pass(Duration::from_secs(11)).await;
    let renewed = world.until("renewed", |snapshot| {
        let lease = snapshot.get::<Lease>(&lease_key())?;
        let spec = lease.value.spec.clone()?;
        (spec.renew_time.clone()? > first).then_some(spec)
    });
    let renewed = renewed.await;
    assert_eq!(renewed.lease_duration_seconds, Some(40));
    assert_eq!(renewed.holder_identity.as_deref(), Some(NODE));
    let now = world.cache.snapshot().get::<Node>(&ObjectKey::cluster(NODE)).unwrap();
    assert_eq!(now.metadata().resource_version, node.metadata().resource_version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_declared_dead_declares_itself_ready_again() {
    let world = World::new().await;
    let _agent = world.agent().await;
    let key = ObjectKey::cluster(NODE);
    let ready = |snapshot: &quorate_reconcile::Snapshot| {
        let node = snapshot.get::<Node>(&key)?;
        let status = node.value.status.as_ref()?.conditions.as_ref()?[0].status.clone();
        Some((status, node))
    };
    let is = |wanted: &'static str| {
        move |found: &(String, quorate_resources::Typed<Node>)| found.0 == wanted
    };
    let (_, node) = world.until("ready", |snapshot| ready(snapshot).filter(is("True"))).await;
    let mut dead = (*node.object).clone();
    dead.body["status"]["conditions"][0]["status"] = "Unknown".into();
    dead.metadata.resource_version = None;
    world.objects.update_status(dead).await.unwrap();
    world.until("dead", |snapshot| ready(snapshot).filter(is("Unknown"))).await;
    world.eventually("beating", || world.clock.next_deadline().is_some()).await;
    world.pass(Duration::from_secs(21)).await;
    world.until("ready again", |snapshot| ready(snapshot).filter(is("True"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_with_which_no_agent_could_work_are_refused_by_name() {
    let world = World::new().await;
    for (wanted, options) in [
        ("node_name", {
            let mut o = world.options();
            o.node_name = "Node_1".into();
            o
        }),
        ("executors", {
            let mut o = world.options();
            o.executors.clear();
            o
        }),
        ("executors", world.options().executor(world.executor.clone())),
        ("lease_duration", {
            let mut o = world.options();
            o.lease_duration = o.heartbeat;
            o
        }),
    ] {
        let started =
            Agent::builder(world.objects.clone(), world.cache.clone(), options).start().await;
        match started {
            Err(Error::Option { option, .. }) => assert_eq!(option, wanted),
            other => panic!("{wanted}: {other:?}"),
        }
    }
}
