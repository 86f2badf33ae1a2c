//! Ids of clusters and members, as etcd computes them, so that tools see the same numbers.

use crate::initial_cluster::first_number as number;
use quorate_member::net::Url;
use quorate_types::{ClusterId, MemberId};

/// The id of a member: of its sorted URLs, the cluster's token and, if it comes later than the cluster,
/// the second at which it is added.
pub(crate) fn member_id(urls: &[Url], token: &str, second: Option<u64>) -> MemberId {
    let mut urls: Vec<_> = urls.iter().map(Url::to_string).collect();
    urls.sort();
    let second = second.map(|second| second.to_string()).unwrap_or_default();
    MemberId(number([urls.concat().as_str(), token, &second].concat().as_bytes()))
}

/// The id of a cluster: of its first members.
pub(crate) fn cluster_id(members: impl Iterator<Item = MemberId>) -> ClusterId {
    let mut members: Vec<_> = members.collect();
    members.sort();
    let bytes: Vec<u8> = members.iter().flat_map(|member| member.0.to_be_bytes()).collect();
    ClusterId(number(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen with etcd 3.4.23.
    #[test]
    fn ids_are_those_of_etcd() {
        let url: Url = "http://localhost:2380".parse().unwrap();
        let member = member_id(&[url], "etcd-cluster", None);
        assert_eq!(format!("{:x}", member.0), "8e9e05c52164694d");
        assert_eq!(format!("{:x}", cluster_id([member].into_iter()).0), "cdf818194e3a8c32");
    }
}
