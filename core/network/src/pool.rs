//! Addresses of one cluster on one machine: a /16 within 127.0.0.0/8.
//!
//! Layout of `127.C.0.0/16` for cluster octet C: members have `127.C.0.M`; nodes have `127.C.N.0/24`
//! for N in 1 to 127, their pods the addresses .2 to .254 of it; Services have `127.C.128.1` to `127.C.250.254`; a listener on
//! port 4701 of `127.C.255.254` marks the range as used on this machine.

use crate::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// Port of the listener that marks a range as used.
const MARK_PORT: u16 = 4701;
const FIRST: u8 = 16;
const LAST: u8 = 250;
const SERVICE_SUBNETS: std::ops::RangeInclusive<u8> = 128..=250;

/// The loopback addresses of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopbackRange {
    octet: u8,
}

impl LoopbackRange {
    /// The range `127.<octet>.0.0/16`.
    #[must_use]
    pub const fn new(octet: u8) -> Self {
        Self { octet }
    }

    /// The second octet.
    #[must_use]
    pub const fn octet(self) -> u8 {
        self.octet
    }

    /// Address of a member; members are numbered from 0 to 253.
    #[must_use]
    pub fn member_address(self, member: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.octet, 0, 1 + member % 254)
    }

    /// First address of the /24 of a node; nodes are numbered from 0 to 126.
    #[must_use]
    pub fn node_subnet(self, node: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.octet, 1 + node % 127, 0)
    }

    /// Whether a Service may have the address.
    #[must_use]
    pub fn is_service_address(self, address: Ipv4Addr) -> bool {
        let [net, octet, subnet, host] = address.octets();
        net == 127
            && octet == self.octet
            && SERVICE_SUBNETS.contains(&subnet)
            && (1..=254).contains(&host)
    }

    /// The addresses that Services may have, each once, beginning at one that the seed decides: a
    /// Service tends to get the same address again.
    pub fn service_addresses(self, seed: u64) -> impl Iterator<Item = Ipv4Addr> {
        let subnets = u64::from(SERVICE_SUBNETS.end() - SERVICE_SUBNETS.start()) + 1;
        let all = subnets * 254;
        (0..all).map(move |step| {
            let at = (seed % all + step) % all;
            let subnet = SERVICE_SUBNETS.start() + u8::try_from(at / 254).unwrap_or(0);
            Ipv4Addr::new(127, self.octet, subnet, 1 + u8::try_from(at % 254).unwrap_or(0))
        })
    }
}

/// A range that this process holds on this machine until the value is dropped.
#[derive(Debug)]
pub struct RangeClaim {
    range: LoopbackRange,
    _mark: TcpListener,
}

impl RangeClaim {
    /// Holds the first free range.
    ///
    /// # Errors
    /// Every range is held by some cluster on this machine.
    pub fn any() -> Result<Self, Error> {
        (FIRST..=LAST)
            .find_map(|octet| Self::hold(LoopbackRange { octet }).ok())
            .ok_or(Error::NoFreeRange)
    }

    /// Holds a range that the cluster has used before: its pods may still have their addresses.
    ///
    /// # Errors
    /// Another process holds it.
    pub fn hold(range: LoopbackRange) -> Result<Self, Error> {
        let octet = range.octet;
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, octet, 255, 254)), MARK_PORT);
        let mark = TcpListener::bind(address).map_err(|source| Error::RangeInUse {
            octet,
            address,
            source,
        })?;
        Ok(Self { range, _mark: mark })
    }

    /// The range.
    #[must_use]
    pub fn range(&self) -> LoopbackRange {
        self.range
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn service_addresses_come_once_each_and_lie_in_the_range() {
        let range = LoopbackRange::new(77);
        let all: Vec<_> = range.service_addresses(u64::MAX).collect();
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), 123 * 254);
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|address| range.is_service_address(*address)));
        assert!(!range.is_service_address(range.node_subnet(126)));
    }

    #[test]
    fn two_clusters_never_hold_the_same_range_and_each_finds_its_own_again() {
        let first = RangeClaim::any().unwrap();
        let second = RangeClaim::any().unwrap();
        assert_ne!(first.range(), second.range());
        let error = RangeClaim::hold(first.range()).unwrap_err().to_string();
        assert!(error.contains("in use by another cluster"), "{error}");
        let range = first.range();
        drop(first);
        assert_eq!(RangeClaim::hold(range).unwrap().range(), range);
    }
}
