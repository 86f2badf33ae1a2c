use super::*;
use crate::Amounts;
use proptest::prelude::*;
use quorate_kinds::{Taint, Toleration};
use quorate_resources::Object;
use quorate_types::{ObjectKey, Uid};
use std::sync::Arc;

fn object(name: &str) -> Arc<Object> {
    let text = format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","namespace":"d"}}}}"#
    );
    Arc::new(serde_json::from_str(&text).unwrap())
}

fn pod(name: &str, cpu_milli: i64) -> PodInfo {
    PodInfo {
        object: object(name),
        key: ObjectKey::namespaced("d", name),
        requests: Amounts { cpu_milli, memory_bytes: 0, pods: 1 },
        node_selector: BTreeMap::new(),
        tolerations: Vec::new(),
        runtime_class: None,
        controller: Some(Uid::from_stored("set")),
        priority: 0,
    }
}

fn node(name: &str, cpu_milli: i64) -> NodeInfo {
    NodeInfo {
        name: name.to_owned(),
        ready: true,
        allocatable: Amounts { cpu_milli, memory_bytes: 1 << 30, pods: 10 },
        ..NodeInfo::default()
    }
}

fn placed(decisions: &[Decision]) -> Vec<Option<String>> {
    let node = |decision: &Decision| match decision {
        Decision::Bind { node, .. } => Some(node.clone()),
        Decision::Unschedulable { .. } => None,
    };
    decisions.iter().map(node).collect()
}

fn decide_one(node: NodeInfo, pod: PodInfo) -> Result<String, String> {
    let mut state = ClusterState { nodes: vec![node] };
    match plan(&mut state, vec![pod], &Profile::default()).remove(0) {
        Decision::Bind { node, .. } => Ok(node),
        Decision::Unschedulable { why, .. } => Err(why.to_string()),
    }
}

#[test]
fn pods_of_one_controller_spread_over_the_nodes() {
    let nodes = ["a", "b", "c"].map(|name| node(name, 4000)).to_vec();
    let pods = (0..6).map(|n| pod(&format!("p{n}"), 100)).collect();
    let decisions = plan(&mut ClusterState { nodes }, pods, &Profile::default());
    let mut where_to: Vec<_> = placed(&decisions).into_iter().flatten().collect();
    where_to.sort();
    assert_eq!(where_to, ["a", "a", "b", "b", "c", "c"]);
}

#[test]
fn a_batch_does_not_overcommit_and_says_why() {
    let mut state = ClusterState { nodes: vec![node("a", 1000), node("b", 500)] };
    let pods = (0..4).map(|n| pod(&format!("p{n}"), 500)).collect();
    let decisions = plan(&mut state, pods, &Profile::default());
    assert_eq!(placed(&decisions).iter().flatten().count(), 3);
    let Decision::Unschedulable { why, .. } = &decisions[3] else { panic!("{decisions:?}") };
    assert_eq!(why.to_string(), "0/2 nodes are available: 2 Insufficient cpu.");
}

#[test]
fn each_filter_refuses_what_it_names() {
    let cordoned = NodeInfo { unschedulable: true, ..node("a", 1000) };
    assert!(decide_one(cordoned, pod("p", 1)).unwrap_err().contains("unschedulable"));
    let silent = NodeInfo { ready: false, ..node("a", 1000) };
    assert!(decide_one(silent, pod("p", 1)).unwrap_err().contains("not ready"));
    let mut picky = pod("p", 1);
    picky.node_selector.insert("disk".into(), "ssd".into());
    assert!(decide_one(node("a", 1000), picky.clone()).unwrap_err().contains("node selector"));
    let mut fast = node("a", 1000);
    fast.labels.insert("disk".into(), "ssd".into());
    assert_eq!(decide_one(fast, picky), Ok("a".into()));
    let mut guest = pod("p", 1);
    guest.runtime_class = Some("wasm".into());
    assert!(decide_one(node("a", 1000), guest.clone()).unwrap_err().contains("\"wasm\""));
    let mut able = node("a", 1000);
    able.labels.insert(format!("{}wasm", crate::filters::RUNTIME_LABEL_PREFIX), "true".into());
    assert_eq!(decide_one(able, guest), Ok("a".into()));
}

#[test]
fn taints_repel_unless_tolerated() {
    let taint = Taint {
        key: "gpu".into(),
        value: Some("yes".into()),
        effect: "NoSchedule".into(),
        ..Taint::default()
    };
    let tainted = NodeInfo { taints: vec![taint], ..node("a", 1000) };
    let refused = decide_one(tainted.clone(), pod("p", 1)).unwrap_err();
    assert!(refused.contains("untolerated taint {gpu: yes}"), "{refused}");
    let bears = |operator: &str, value: Option<&str>| {
        let toleration = Toleration {
            key: Some("gpu".into()),
            operator: Some(operator.into()),
            value: value.map(Into::into),
            ..Toleration::default()
        };
        PodInfo { tolerations: vec![toleration], ..pod("p", 1) }
    };
    assert!(decide_one(tainted.clone(), bears("Exists", None)).is_ok());
    assert!(decide_one(tainted.clone(), bears("Equal", Some("yes"))).is_ok());
    assert!(decide_one(tainted, bears("Equal", Some("no"))).is_err());
}

proptest! {
    /// No node is ever asked for more than it has, and a pod stays unplaced only if it fits nowhere.
    #[test]
    fn plans_never_overcommit_and_never_give_up_early(
        sizes in proptest::collection::vec(0i64..2000, 1..6),
        asks in proptest::collection::vec(1i64..1500, 0..40),
    ) {
        let nodes = sizes.iter().enumerate().map(|(n, size)| node(&format!("n{n}"), *size)).collect();
        let mut state = ClusterState { nodes };
        for (n, ask) in asks.into_iter().enumerate() {
            let fits = state.nodes.iter().any(|node| {
                node.requested.cpu_milli + ask <= node.allocatable.cpu_milli
                    && node.requested.pods < node.allocatable.pods
            });
            let decisions = plan(&mut state, vec![pod(&format!("p{n}"), ask)], &Profile::default());
            prop_assert_eq!(placed(&decisions)[0].is_some(), fits);
            for node in &state.nodes {
                prop_assert!(node.requested.cpu_milli <= node.allocatable.cpu_milli);
                prop_assert!(node.requested.pods <= node.allocatable.pods);
            }
        }
    }
}
