//! Members compared with each other: hashes during the run; logs, keys and leases at its end.

use crate::clients::ask;
use crate::cluster::{Cluster, Health};
use crate::history::History;
use quorate_member::Core;
use quorate_mvcc::HashKv;
use quorate_store::{Error, KeyRange, RangeRequest, Store};
use quorate_types::{LeaseId, MemberId, Revision};

/// Compares the hashes of all members that are up, at the newest revision that all have.
pub(crate) async fn compare_hashes(cluster: &Cluster) {
    let cores: Vec<(MemberId, Core)> = cluster
        .with_health(Health::Up)
        .into_iter()
        .filter_map(|id| Some((id, cluster.core(id)?.0)))
        .collect();
    let at = cores.iter().map(|(_, core)| core.status().revision).min();
    let Some(at) = at.filter(|at| *at > Revision(1)) else { return };
    let mut first: Option<(MemberId, HashKv)> = None;
    for (id, core) in cores {
        let Ok(hash) = ask(cluster, id, async move { core.hash_kv(at).await }).await else {
            continue;
        };
        match &first {
            None => first = Some((id, hash)),
            Some((other, expected)) if expected.compacted == hash.compacted => {
                if expected.hash != hash.hash {
                    cluster.findings.violation(format!(
                        "members {other} and {id} differ at revision {at}: {expected:?}, {hash:?}"
                    ));
                }
            }
            Some(_) => {}
        }
    }
}

/// Compares everything, once the members have applied the same.
pub(crate) async fn audit(cluster: &Cluster, history: &History) {
    let back = |node: &crate::cluster::Node| node.wiped && node.health == Health::Up;
    let back: Vec<_> =
        cluster.nodes().iter().filter(|(_, it)| back(it)).map(|(id, _)| *id).collect();
    if !back.is_empty() {
        cluster
            .findings
            .violation(format!("emptied members {back:?} take part as if they were not"));
    }
    compare_hashes(cluster).await;
    let mut first: Option<(MemberId, Kept)> = None;
    for id in cluster.with_health(Health::Up) {
        let Some((core, _)) = cluster.core(id) else { continue };
        let kept = match kept(cluster, id, core).await {
            Ok(kept) => kept,
            Err(error) => {
                cluster
                    .findings
                    .violation(format!("member {id} does not serve after healing: {error}"));
                continue;
            }
        };
        if !kept.leases.is_empty() {
            let leases = &kept.leases;
            cluster.findings.violation(format!("leases {leases:?} outlive everyone who kept them"));
        }
        if let Some(kv) = kept.keys.kvs.iter().find(|kv| kv.lease != LeaseId::NONE) {
            cluster.findings.violation(format!("a key outlives its lease: {kv:?}"));
        }
        match &first {
            None => first = Some((id, kept)),
            Some((other, expected)) if *expected != kept => {
                cluster.findings.violation(format!("members {other} and {id} answer differently"));
            }
            Some(_) => {}
        }
    }
    if let Some((_, kept)) = first {
        check_observed(cluster, history, &kept);
    }
    compare_logs(cluster);
    if cluster.in_transition() {
        cluster
            .findings
            .violation(format!("a change of voters was never finished: {}", cluster.stand()));
    }
}

/// The keys as read at the end are those that the observed history ends with.
fn check_observed(cluster: &Cluster, history: &History, kept: &Kept) {
    let mut model = crate::model::Model::default();
    let recorded = history.lock();
    let mut last = Revision(1);
    for (revision, change) in &recorded.changes {
        if let Err(reason) = model.apply(*revision, &change.events) {
            return cluster.findings.violation(reason);
        }
        last = *revision;
    }
    let expected = model.scan(&KeyRange::all(), last);
    if kept.keys.kvs != expected {
        let odd = kept.keys.kvs.iter().zip(&expected).find(|(read, watched)| read != watched);
        cluster.findings.violation(format!(
            "the keys at the end are not those that were watched: {} read at revision {}, {} watched up to {last}; the first that differs: {odd:?}",
            kept.keys.kvs.len(),
            kept.keys.revision,
            expected.len()
        ));
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Kept {
    keys: quorate_store::RangeResponse,
    leases: Vec<LeaseId>,
}

async fn kept(cluster: &Cluster, id: MemberId, core: Core) -> Result<Kept, Error> {
    ask(cluster, id, async move {
        let keys = core.range(RangeRequest::new(KeyRange::all())).await?;
        Ok(Kept { keys, leases: core.leases().await? })
    })
    .await
}

/// Committed entries are equal wherever two members still have them.
fn compare_logs(cluster: &Cluster) {
    let nodes = cluster.nodes();
    let logs: Vec<_> = nodes
        .iter()
        .filter(|(_, node)| node.health == Health::Up)
        .filter_map(|(id, node)| {
            let core = node.core.as_ref()?;
            let first = core.log().state().purged.map_or(0, |id| id.index.0 + 1);
            let applied = (*core.consensus().applied().borrow())?;
            Some((*id, core.log().clone(), first, applied.0))
        })
        .collect();
    for pair in logs.windows(2) {
        let [(a, log_a, first_a, last_a), (b, log_b, first_b, last_b)] = pair else { continue };
        let (first, end) = (*first_a.max(first_b), last_a.min(last_b) + 1);
        if first >= end {
            continue;
        }
        let (one, other) = (log_a.read(first..end), log_b.read(first..end));
        match (one, other) {
            (Ok(one), Ok(other)) if one == other => {}
            (Ok(_), Ok(_)) => cluster.findings.violation(format!(
                "members {a} and {b} have different committed entries in {first}..{end}"
            )),
            (one, other) => {
                let rotten = |id| nodes.get(id).is_some_and(|node| node.rotten);
                if !rotten(a) && !rotten(b) {
                    cluster.findings.violation(format!(
                        "committed entries {first}..{end} cannot be read: member {a} {:?}, member {b} {:?}",
                        one.err(), other.err()
                    ));
                }
            }
        }
    }
}
