//! Addresses for pods, from the node's own range.

use quorate_types::Uid;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A range of IPv4 addresses in CIDR form. The first usable address (`.1`) is the node's own, the
/// others are for pods; the range's own and its broadcast address stay unused.
///
/// Within 127.0.0.0/8 no privilege and no set-up is needed: Linux answers on all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodAddresses {
    base: u32,
    prefix: u8,
}

impl PodAddresses {
    /// The 256 addresses `127.<a>.<b>.0/24`.
    #[must_use]
    pub const fn loopback(a: u8, b: u8) -> Self {
        Self { base: u32::from_be_bytes([127, a, b, 0]), prefix: 24 }
    }

    /// The node's own address.
    #[must_use]
    pub fn host(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 1)
    }

    /// Most pods that can have an address at the same time.
    #[must_use]
    pub fn capacity(&self) -> usize {
        usize::try_from(self.size() - 3).unwrap_or(usize::MAX)
    }

    /// Whether the address is one for pods.
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let offset = u32::from(address).wrapping_sub(self.base);
        offset >= 2 && offset < self.size() - 1
    }

    fn size(&self) -> u32 {
        1 << (32 - u32::from(self.prefix))
    }
}

impl fmt::Display for PodAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

impl FromStr for PodAddresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail =
            |reason: &str| format!("{text:?} is not a range such as 127.10.1.0/24: {reason}");
        let (base, prefix) = text.split_once('/').ok_or_else(|| fail("missing '/'"))?;
        let base: Ipv4Addr = base.parse().map_err(|_| fail("bad address"))?;
        let prefix: u8 = prefix.parse().map_err(|_| fail("bad prefix length"))?;
        if !(8..=30).contains(&prefix) {
            return Err(fail("the prefix length must be between 8 and 30"));
        }
        let range = Self { base: u32::from(base), prefix };
        if range.base & (range.size() - 1) != 0 {
            return Err(fail("the address has bits beyond the prefix"));
        }
        Ok(range)
    }
}

/// Which addresses are in use, and by which pod. A freed address is used again last.
#[derive(Debug)]
pub(crate) struct AddressPool {
    range: PodAddresses,
    used: BTreeMap<Ipv4Addr, Uid>,
    next: u32,
}

impl AddressPool {
    pub(crate) fn new(range: PodAddresses) -> Self {
        Self { range, used: BTreeMap::new(), next: 2 }
    }

    /// Takes a particular address for a pod, if it lies in the range and no other pod has it.
    pub(crate) fn claim(&mut self, address: Ipv4Addr, pod: &Uid) -> bool {
        self.range.contains(address)
            && self.used.entry(address).or_insert_with(|| pod.clone()) == pod
    }

    /// The pod's address, or a free one for it; `None` if all are taken.
    pub(crate) fn allocate(&mut self, pod: &Uid) -> Option<Ipv4Addr> {
        if let Some((address, _)) = self.used.iter().find(|(_, owner)| *owner == pod) {
            return Some(*address);
        }
        let last = self.range.size() - 2;
        let offsets = (self.next..=last).chain(2..self.next);
        let mut free = offsets.map(|offset| (offset, Ipv4Addr::from(self.range.base + offset)));
        let (offset, address) = free.find(|(_, address)| !self.used.contains_key(address))?;
        self.next = if offset == last { 2 } else { offset + 1 };
        self.used.insert(address, pod.clone());
        Some(address)
    }

    /// Takes back what a pod had.
    pub(crate) fn free(&mut self, pod: &Uid) {
        self.used.retain(|_, owner| owner != pod);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> Uid {
        Uid::from_stored(name)
    }

    #[test]
    fn every_pod_has_its_own_address_and_keeps_it() {
        let mut pool = AddressPool::new(PodAddresses::loopback(10, 1));
        let first = pool.allocate(&pod("a")).unwrap();
        assert_eq!(first, Ipv4Addr::new(127, 10, 1, 2), "the first one is the node's");
        assert_eq!(pool.allocate(&pod("b")).unwrap(), Ipv4Addr::new(127, 10, 1, 3));
        assert_eq!(pool.allocate(&pod("a")), Some(first));
        pool.free(&pod("a"));
        let third = pool.allocate(&pod("c")).unwrap();
        assert_ne!(third, first, "a freed address is not used again at once");
    }

    #[test]
    fn a_full_range_says_so_and_goes_on_once_one_is_freed() {
        let mut pool = AddressPool::new("127.0.5.0/29".parse().unwrap());
        for at in 0..5 {
            assert!(pool.allocate(&pod(&at.to_string())).is_some(), "{at}");
        }
        assert_eq!(pool.allocate(&pod("more")), None);
        pool.free(&pod("3"));
        assert_eq!(pool.allocate(&pod("more")), Some(Ipv4Addr::new(127, 0, 5, 5)));
    }

    #[test]
    fn an_address_of_another_pod_cannot_be_claimed() {
        let mut pool = AddressPool::new(PodAddresses::loopback(0, 1));
        let address = Ipv4Addr::new(127, 0, 1, 9);
        assert!(pool.claim(address, &pod("a")) && pool.claim(address, &pod("a")));
        assert!(!pool.claim(address, &pod("b")));
        assert!(!pool.claim(Ipv4Addr::new(127, 0, 1, 1), &pod("b")), "the node's own");
        assert!(!pool.claim(Ipv4Addr::new(127, 0, 1, 255), &pod("b")));
    }

    #[test]
    fn a_bad_range_is_refused_with_the_text() {
        for text in ["127.0.0.0", "127.0.0.1/24", "x/24", "127.0.0.0/31", "127.0.0.0/7"] {
            let error = text.parse::<PodAddresses>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
        assert_eq!("127.9.0.0/16".parse::<PodAddresses>().unwrap().to_string(), "127.9.0.0/16");
    }
}
