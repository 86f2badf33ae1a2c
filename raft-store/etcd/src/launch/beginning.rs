//! As which member of which cluster a process begins.

use super::LaunchError;
use super::identity::{cluster_id, member_id};
use crate::config::Config;
use quorate_member::ClusterMember;
use quorate_member::net::{ClientTls, KeepAlive, Url, describe};
use quorate_types::{ClusterId, MemberId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Who this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    pub(crate) cluster: ClusterId,
    pub(crate) member: MemberId,
    /// The members that form the cluster; empty if it exists.
    pub(crate) peers: BTreeMap<MemberId, String>,
    /// The data directory is that of a member that has run before.
    pub(crate) known: bool,
}

/// URLs as the membership keeps them.
pub(crate) fn join(urls: &[Url]) -> String {
    urls.iter().map(Url::to_string).collect::<Vec<_>>().join(",")
}

impl Beginning {
    /// A member that has run before: what its directory says goes, flags about the cluster are ignored.
    pub(crate) fn known(cluster: ClusterId, member: MemberId) -> Self {
        Self { cluster, member, peers: BTreeMap::new(), known: true }
    }

    /// A member of a cluster that is being formed.
    pub(crate) fn forming(config: &Config) -> Result<Self, LaunchError> {
        let own = own_urls(config)?;
        check_advertised(config, own)?;
        let id = |urls: &Vec<Url>| member_id(urls, &config.token, None);
        let members = config.initial_cluster.iter();
        let peers: BTreeMap<_, _> = members.map(|(_, urls)| (id(urls), join(urls))).collect();
        let (cluster, member) = (cluster_id(peers.keys().copied()), id(own));
        Ok(Self { cluster, member, peers, known: false })
    }

    /// A member that was added to a cluster that exists: the others say who it is.
    pub(crate) async fn joining(
        config: &Config,
        tls: Option<ClientTls>,
    ) -> Result<Self, LaunchError> {
        let own = own_urls(config)?;
        let limit = Duration::from_secs(1) + config.election;
        let keep_alive = KeepAlive { interval: limit, timeout: limit };
        let mut last = "--initial-cluster names no other member".to_owned();
        for (name, urls) in config.initial_cluster.iter().filter(|(name, _)| *name != config.name) {
            match describe(urls, tls.clone(), keep_alive).await {
                Ok((cluster, members)) => return Self::among(config, own, cluster, &members),
                Err(reason) => {
                    tracing::warn!(member = %name, %reason, "failed to get the cluster from a member");
                    last = reason;
                }
            }
        }
        Err(LaunchError::Cluster(format!("cannot fetch cluster info from peer urls: {last}")))
    }

    fn among(
        config: &Config,
        own: &[Url],
        cluster: ClusterId,
        members: &[ClusterMember],
    ) -> Result<Self, LaunchError> {
        let of = |addr: &str| addr.split(',').map(str::to_owned).collect::<BTreeSet<_>>();
        let wanted: BTreeSet<_> = own.iter().map(Url::to_string).collect();
        if members.len() != config.initial_cluster.len() {
            return Err(LaunchError::Cluster(
                "error validating peerURLs: member count is unequal".to_owned(),
            ));
        }
        let found = members.iter().find(|member| of(&member.addr) == wanted);
        let found = found.ok_or_else(|| {
            let named = join(own);
            LaunchError::Cluster(format!(
                "error validating peerURLs: the cluster has no member at {named}: add it first"
            ))
        })?;
        Ok(Self { cluster, member: found.id, peers: BTreeMap::new(), known: false })
    }
}

fn own_urls(config: &Config) -> Result<&Vec<Url>, LaunchError> {
    let own = config.initial_cluster.iter().find(|(name, _)| *name == config.name);
    own.map(|(_, urls)| urls).ok_or_else(|| {
        LaunchError::Cluster(format!(
            "couldn't find local name {:?} in the initial cluster configuration",
            config.name
        ))
    })
}

/// The same URLs in both flags; a name and its address are not taken for the same.
fn check_advertised(config: &Config, own: &[Url]) -> Result<(), LaunchError> {
    let advertised = join(&config.advertise_peer);
    let missing = |from: &[Url], into: &[Url]| {
        let missing: Vec<_> = from.iter().filter(|url| !into.contains(url)).cloned().collect();
        if missing.is_empty() { None } else { Some(join(&missing)) }
    };
    if let Some(urls) = missing(own, &config.advertise_peer) {
        return Err(LaunchError::Cluster(format!(
            "--initial-cluster has {}={urls} but missing from --initial-advertise-peer-urls={advertised}",
            config.name
        )));
    }
    if let Some(urls) = missing(&config.advertise_peer, own) {
        return Err(LaunchError::Cluster(format!(
            "--initial-advertise-peer-urls has {urls} but missing from --initial-cluster={}={}",
            config.name,
            join(own)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Command;
    use quorate_member::Role;

    fn config(text: &str) -> Config {
        let arguments = text.split_whitespace().map(str::to_owned);
        match Config::load(arguments, std::iter::empty()).unwrap() {
            Command::Serve(config) => *config,
            other => panic!("{other:?}"),
        }
    }

    const TWO: &str = "--name a --initial-cluster a=http://127.0.0.1:1,b=http://127.0.0.1:2";

    #[test]
    fn all_who_form_a_cluster_compute_the_same() {
        let a = config(&format!("{TWO} --initial-advertise-peer-urls http://127.0.0.1:1"));
        let b = config(&format!("{TWO} --name b --initial-advertise-peer-urls http://127.0.0.1:2"));
        let (a, b) = (Beginning::forming(&a).unwrap(), Beginning::forming(&b).unwrap());
        assert_eq!((a.cluster, &a.peers), (b.cluster, &b.peers));
        assert_ne!(a.member, b.member);
        let other = config(&format!(
            "{TWO} --initial-cluster-token x --initial-advertise-peer-urls http://127.0.0.1:1"
        ));
        assert_ne!(Beginning::forming(&other).unwrap().cluster, a.cluster);
    }

    #[test]
    fn who_is_not_named_or_advertises_something_else_is_refused() {
        let told = |text: &str| Beginning::forming(&config(text)).unwrap_err().to_string();
        assert!(told(&format!("{TWO} --name c")).contains("couldn't find local name \"c\""));
        assert!(told(TWO).contains("but missing from --initial-advertise-peer-urls"));
    }

    #[test]
    fn a_joining_member_finds_itself_by_its_urls() {
        let config = config(TWO);
        let own = own_urls(&config).unwrap();
        let member = |id, addr: &str| ClusterMember::new(MemberId(id), addr, Role::Learner);
        let members = [member(7, "http://127.0.0.1:2"), member(8, "http://127.0.0.1:1")];
        let found = Beginning::among(&config, own, ClusterId(3), &members).unwrap();
        assert_eq!((found.cluster, found.member), (ClusterId(3), MemberId(8)));
        let fewer = Beginning::among(&config, own, ClusterId(3), &members[..1]).unwrap_err();
        assert!(fewer.to_string().contains("member count is unequal"));
    }
}
