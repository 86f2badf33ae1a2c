//! Loopback addresses for tests, benches and examples that start several servers which must know of
//! each other before any of them listens.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first port handed out, and the end: the range from which Linux draws a caller's own port
/// begins above it (`net.ipv4.ip_local_port_range`).
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How many were handed out in this process.
static HANDED_OUT: AtomicU16 = AtomicU16::new(0);

/// `count` loopback addresses on which nobody listens.
///
/// They lie on a host of the process's own in 127.64.0.0/10, so that no other process of the machine
/// is given one of them, not even while the server that it was meant for is down; and no address is
/// handed out twice in a process before 12,000 others were.
///
/// # Errors
/// Where only 127.0.0.1 is a loopback address, or all ports are taken.
pub fn unused_loopback(count: usize) -> io::Result<Vec<SocketAddr>> {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, 64 | high, middle, low);
    (0..count).map(|_| next(host)).collect()
}

fn next(host: Ipv4Addr) -> io::Result<SocketAddr> {
    let mut refusal = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for _ in PORTS {
        let turn = HANDED_OUT.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((host, PORTS.start + turn % (PORTS.end - PORTS.start)));
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => refusal = error,
            Err(error) => return Err(error),
        }
    }
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn addresses_differ_and_can_be_listened_on() {
        let mut all = unused_loopback(20).unwrap();
        all.extend(unused_loopback(20).unwrap());
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 40);
        let listening: Vec<_> = all.iter().map(|at| TcpListener::bind(at).unwrap()).collect();
        // What is listened on is not handed out, though its turn comes again.
        HANDED_OUT.store(0, Ordering::Relaxed);
        let more = unused_loopback(40).unwrap();
        assert!(more.iter().all(|address| !all.contains(address)), "{more:?}");
        drop(listening);
    }
}
