//! Who forms a cluster, in the words of etcd's flags, and the ids that follow from it.

use quorate_member::{ClusterMember, Role};
use quorate_types::{ClusterId, MemberId};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY as SHA1, digest};
use std::collections::BTreeMap;

/// The members that form a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialCluster {
    /// The cluster's id, as etcd computes it.
    pub cluster: ClusterId,
    /// Its members, sorted by id.
    pub members: Vec<InitialMember>,
}

/// One of the members that form a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialMember {
    /// Its id, as etcd computes it: from its URLs and the cluster's token.
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Where other members reach it, sorted.
    pub peer_urls: Vec<String>,
}

/// Why the members cannot form a cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("initial cluster: {entry:?} {reason}")]
pub struct InitialClusterError {
    /// The member concerned.
    pub entry: String,
    /// What is wrong with it, and what to do.
    pub reason: &'static str,
}

impl InitialCluster {
    /// Reads `name=url,…`, as `--initial-cluster` has it; a name that comes again has another URL.
    ///
    /// # Errors
    /// A member without name or URL, an address without port, or two members at one address.
    pub fn parse(members: &str, token: &str) -> Result<Self, InitialClusterError> {
        let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut all = Vec::new();
        for entry in members.split(',').map(str::trim) {
            let refused = |reason| InitialClusterError { entry: entry.to_owned(), reason };
            let (name, url) = entry.split_once('=').ok_or(refused("is not NAME=URL"))?;
            let known = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
            let port = host(url).rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if name.is_empty() || !known || port.is_none() {
                return Err(refused("is not NAME=http://HOST:PORT"));
            }
            let url = url.trim_end_matches('/').to_owned();
            if all.contains(&url) {
                return Err(refused("has an address that another has already"));
            }
            all.push(url.clone());
            by_name.entry(name).or_default().push(url);
        }
        let mut members: Vec<_> =
            by_name.into_iter().map(|(name, urls)| InitialMember::new(name, urls, token)).collect();
        members.sort_by_key(|member| member.id);
        let ids = members.iter().flat_map(|member| member.id.0.to_be_bytes());
        let cluster = ClusterId(first_number(&ids.collect::<Vec<u8>>()));
        Ok(Self { cluster, members })
    }

    /// The member of a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&InitialMember> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The members, all of them voters.
    #[must_use]
    pub fn voters(&self) -> Vec<ClusterMember> {
        self.members.iter().map(InitialMember::voter).collect()
    }
}

impl InitialMember {
    fn new(name: &str, mut peer_urls: Vec<String>, token: &str) -> Self {
        peer_urls.sort();
        let id = MemberId(first_number((peer_urls.concat() + token).as_bytes()));
        Self { id, name: name.to_owned(), peer_urls }
    }

    fn voter(&self) -> ClusterMember {
        let addr = self.peer_urls.join(",");
        ClusterMember { name: self.name.clone(), ..ClusterMember::new(self.id, addr, Role::Voter) }
    }
}

/// What is between the scheme and the path of a URL.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// The first eight bytes of the SHA-1.
pub(crate) fn first_number(bytes: &[u8]) -> u64 {
    let hash = digest(&SHA1, bytes);
    hash.as_ref().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As etcd 3.4.23 logs them.
    #[test]
    fn ids_are_those_of_etcd() {
        let alone = InitialCluster::parse("default=http://localhost:2380", "etcd-cluster").unwrap();
        assert_eq!(format!("{:x}", alone.members[0].id.0), "8e9e05c52164694d");
        assert_eq!(format!("{:x}", alone.cluster.0), "cdf818194e3a8c32");
        assert_eq!(alone.voters()[0].addr, "http://localhost:2380");
    }

    #[test]
    fn a_name_that_comes_again_has_another_url() {
        let text = "a=http://h:1,b=http://h:2,a=http://h:3/";
        let cluster = InitialCluster::parse(text, "t").unwrap();
        assert_eq!(cluster.members.len(), 2);
        assert_eq!(cluster.named("a").unwrap().peer_urls, ["http://h:1", "http://h:3"]);
        assert!(cluster.named("c").is_none());
    }

    #[test]
    fn what_is_no_member_is_refused() {
        for text in
            ["", "a", "a=", "=http://h:1", "a=h:1", "a=http://h", "a=http://h:1,b=http://h:1"]
        {
            assert!(InitialCluster::parse(text, "t").is_err(), "{text}");
        }
    }
}
