//! The client of a connection or a request, and whether there is room for it. Counts and decides; reads no socket.

use std::sync::Arc;

use stagedoor_wire::limits::Limits;

use crate::{
    net::addresses::{Addresses, Counted, Peer},
    port::forwarded::Proxies,
};

/// The limits for connections and requests.
#[derive(Debug)]
pub(crate) struct Clients {
    proxies: Proxies,
    addresses: Arc<Addresses>,
    limits: Arc<Limits>,
}

/// The origin of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its peer, or the client that a proxy named in front of it.
    pub peer: Peer,
    /// Whether it exceeds a limit of connections.
    pub is_full: bool,
    /// Whether each request's head names its client.
    says_in_heads: bool,
}

/// The client of a request.
#[derive(Debug)]
pub struct Client {
    /// Its address.
    pub peer: Peer,
    /// Whether it exceeds a limit of connections.
    pub is_full: bool,
    /// Its place at its address, if that is not the connection's.
    pub(crate) counted: Option<Counted>,
}

impl Clients {
    pub(crate) fn new(proxies: Proxies, limits: Arc<Limits>) -> Self {
        Self { proxies, addresses: Arc::default(), limits }
    }

    /// Counts a connection. `None` if it is so far above `connections_max` that it is cut off.
    pub(crate) fn arrived(&self, peer: Peer) -> Option<(Counted, Source)> {
        let says_in_heads = self.proxies.says_in_heads(peer);
        let says = says_in_heads || self.proxies.says_in_front(peer);
        let (counted, all, each) = self.addresses.count(peer.ip().filter(|_| !says));
        let limits = &self.limits;
        if all > limits.connections_max.saturating_add(limits.connections_told_max) {
            return None;
        }
        let is_full = all > limits.connections_max || each > limits.connections_per_address_max;
        Some((counted, Source { peer, is_full, says_in_heads }))
    }

    /// Whether the connection starts with a PROXY header.
    pub(crate) fn says_in_front(&self, peer: Peer) -> bool {
        self.proxies.says_in_front(peer)
    }

    /// Counts a connection at the address that its proxy named in front of it.
    pub(crate) fn named(&self, counted: &mut Counted, source: Source, peer: Peer) -> Source {
        let each = peer.ip().map_or(0, |ip| counted.belongs_to(ip));
        let is_full = source.is_full || each > self.limits.connections_per_address_max;
        Source { peer, is_full, ..source }
    }

    /// The client of a request. `values` are those of one field of its head.
    pub(crate) fn client<'a, V>(
        &self,
        source: Source,
        values: impl FnOnce(&'static str) -> V,
    ) -> Client
    where
        V: IntoIterator<Item = &'a [u8], IntoIter: DoubleEndedIterator>,
    {
        let Source { peer, is_full, says_in_heads } = source;
        let Some(field) = self.proxies.field().filter(|_| says_in_heads) else {
            return Client { peer, is_full, counted: None };
        };
        let peer = self.proxies.client(peer, values(field).into_iter());
        let Some(ip) = peer.ip() else { return Client { peer, is_full, counted: None } };
        let (counted, each) = self.addresses.count_at(ip);
        let is_full = is_full || each > self.limits.connections_per_address_max;
        Client { peer, is_full, counted: Some(counted) }
    }

    /// Counts a connection that is never refused because of others.
    pub(crate) fn count(&self, peer: Peer) -> Counted {
        self.addresses.count(peer.ip()).0
    }

    /// Whether more than three quarters of the connections are in use.
    pub(crate) fn is_crowded(&self) -> bool {
        self.connections() > self.limits.connections_max / 4 * 3
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.addresses.connections()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::port::forwarded::ClientAddress;

    fn peer(address: &str) -> Peer {
        Peer::from(address.parse::<SocketAddr>().expect("an address"))
    }

    fn clients(client_address: ClientAddress) -> Clients {
        let trusted = vec!["10.0.0.0/8".parse().expect("a network")];
        let limits = Limits {
            connections_max: 6,
            connections_told_max: 2,
            connections_per_address_max: 2,
            ..Limits::default()
        };
        Clients::new(Proxies { trusted, client_address }, Arc::new(limits))
    }

    #[test]
    fn above_the_limits_connections_are_refused_then_cut_off() {
        let clients = clients(ClientAddress::Peer);
        let mut held = Vec::new();
        for n in 0..8 {
            let (counted, source) =
                clients.arrived(peer(&format!("198.51.100.{n}:1"))).expect("a place");
            assert_eq!(source.is_full, n >= 6, "{n}");
            held.push(counted);
        }
        assert!(clients.arrived(peer("198.51.100.9:1")).is_none());
        assert_eq!(clients.connections(), 8, "cut off connections are not counted");
        held.truncate(1);
        let (_second, source) = clients.arrived(peer("198.51.100.0:2")).expect("a place");
        assert!(!source.is_full);
        let (_third, source) = clients.arrived(peer("198.51.100.0:3")).expect("a place");
        assert!(source.is_full, "of one address");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let clients = clients(ClientAddress::Peer);
        let held: Vec<_> =
            (1..4).map(|n| clients.arrived(peer(&format!("[2001:db8::{n}:{n}]:1")))).collect();
        assert!(held.into_iter().flatten().next_back().is_some_and(|(_, source)| source.is_full));
    }

    #[test]
    fn requests_behind_a_proxy_count_at_their_clients() {
        let clients = clients(ClientAddress::XForwardedFor);
        let value = |value: &'static str| move |_| std::iter::once(value.as_bytes());
        let (mut proxied, sources): (Vec<_>, Vec<_>) =
            (1..5).filter_map(|port| clients.arrived(peer(&format!("10.0.0.1:{port}")))).unzip();
        assert!(sources.iter().all(|source| !source.is_full), "a proxy may have many");
        let first = clients.client(sources[0], value("198.51.100.7"));
        let second = clients.client(sources[1], value("198.51.100.7"));
        let third = clients.client(sources[2], value("198.51.100.7"));
        assert!(!first.is_full && !second.is_full && third.is_full);
        assert!(!clients.client(sources[3], value("198.51.100.8")).is_full);
        drop((second, third));
        // An upgrade keeps its request's place while its connection lives.
        proxied[0].absorb(first.counted);
        let second = clients.client(sources[1], value("198.51.100.7"));
        assert!(!second.is_full);
        drop(second);
        drop(proxied.remove(0));
        let held: Vec<_> =
            (0..2).map(|_| clients.client(sources[1], value("198.51.100.7"))).collect();
        assert!(held.iter().all(|client| !client.is_full), "the place is free again");
        assert_eq!(clients.connections(), 3);
        let untrusted = clients.arrived(peer("203.0.113.9:1")).expect("a place").1;
        assert_eq!(
            clients.client(untrusted, value("198.51.100.7")).peer,
            peer("203.0.113.9:1"),
            "strangers' fields are ignored"
        );
    }

    #[test]
    fn a_connection_counts_at_the_address_in_its_proxy_header() {
        let clients = clients(ClientAddress::ProxyV2);
        let named = |port: u16| {
            let (mut counted, source) =
                clients.arrived(peer(&format!("10.0.0.1:{port}"))).expect("a place");
            let source = clients.named(&mut counted, source, peer("198.51.100.7:4711"));
            (counted, source)
        };
        let all: Vec<_> = (1..4).map(named).collect();
        let full: Vec<_> = all.iter().map(|(_, source)| source.is_full).collect();
        assert_eq!(full, [false, false, true]);
        assert_eq!(all[0].1.peer, peer("198.51.100.7:4711"));
    }
}
