//! What guests may reach: nothing, unless it is named.
//!
//! Place: asked by the engine for every address before a socket is bound, connected or sent to. Names
//! are resolved at that moment, by this node, so that a guest's own answer from a name server counts
//! for nothing.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

/// What guests may reach over `wasi:sockets`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Where they may connect and send to. Naming a host (rather than an address) also lets guests
    /// look up names, any of them.
    pub outbound: Vec<Endpoint>,
    /// Whether they may listen on ports of this machine.
    pub inbound: bool,
}

/// A host and a port: `db.internal:5432`, `10.0.0.7:80`, `[::1]:80`, or `*` for all ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is not of the form host:port, address:port or host:*");
        let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
        let port = if port == "*" { None } else { Some(port.parse().map_err(|_| form())?) };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let host = match bare.parse() {
            Ok(address) => Host::Address(address),
            Err(_) if !host.is_empty() && host.chars().all(allowed) => Host::Name(host.to_owned()),
            Err(_) => return Err(form()),
        };
        Ok(Self { host, port })
    }
}

impl Endpoint {
    async fn covers(&self, address: SocketAddr) -> bool {
        if self.port.is_some_and(|port| port != address.port()) {
            return false;
        }
        match &self.host {
            Host::Address(host) => *host == address.ip(),
            Host::Name(name) => {
                let found = tokio::net::lookup_host((name.as_str(), address.port())).await;
                found.is_ok_and(|mut found| found.any(|found| found.ip() == address.ip()))
            }
        }
    }
}

impl Network {
    /// Lets a guest reach what this allows.
    pub(crate) fn grant(&self, wasi: &mut WasiCtxBuilder) {
        let any = self.inbound || !self.outbound.is_empty();
        let names = self.outbound.iter().any(|end| matches!(end.host, Host::Name(_)));
        wasi.allow_tcp(any).allow_udp(any).allow_ip_name_lookup(names);
        let this = Arc::new(self.clone());
        wasi.socket_addr_check(move |address, wanted| {
            let this = Arc::clone(&this);
            Box::pin(async move { this.allows(address, wanted).await })
        });
    }

    async fn allows(&self, address: SocketAddr, wanted: SocketAddrUse) -> bool {
        match wanted {
            SocketAddrUse::TcpConnect | SocketAddrUse::UdpSend => self.reaches(address).await,
            SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => self.inbound,
            // What a guest that only sends binds to is of the system's choosing.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => self.inbound || address.port() == 0,
            SocketAddrUse::UdpReceive => self.inbound || self.reaches(address).await,
        }
    }

    async fn reaches(&self, address: SocketAddr) -> bool {
        for end in &self.outbound {
            if end.covers(address).await {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(outbound: &[&str], inbound: bool) -> Network {
        Network { outbound: outbound.iter().map(|end| end.parse().unwrap()).collect(), inbound }
    }

    #[tokio::test]
    async fn only_what_is_named_is_reached() {
        let some = network(&["10.0.0.7:80", "[::1]:*", "localhost:81"], false);
        for (address, allowed) in [
            ("10.0.0.7:80", true),
            ("10.0.0.7:81", false),
            ("10.0.0.8:80", false),
            ("[::1]:9", true),
            ("127.0.0.1:81", true),
            ("127.0.0.1:82", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(some.allows(address, SocketAddrUse::TcpConnect).await, allowed, "{address}");
            assert_eq!(some.allows(address, SocketAddrUse::UdpSend).await, allowed, "{address}");
            assert!(!Network::default().allows(address, SocketAddrUse::TcpConnect).await);
            assert!(!some.allows(address, SocketAddrUse::TcpListen).await);
            assert!(network(&[], true).allows(address, SocketAddrUse::TcpListen).await);
        }
    }

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        for text in ["", "host", ":80", "host:port", "a b:80", "host:70000"] {
            assert!(text.parse::<Endpoint>().unwrap_err().contains("is not of the form"), "{text}");
        }
    }
}
