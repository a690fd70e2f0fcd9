//! The client of a request that a proxy forwarded: addresses of trusted proxies, and the clients they name. Pure.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::net::addresses::Peer;

/// Addresses with a common prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is not a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not an address or a network, such as 10.0.0.0/8")]
pub struct NetworkError(String);

/// The bits of an address, leftmost first, and how many there are.
fn bits_of(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

impl Network {
    /// Whether an address is in it.
    pub fn contains(self, address: IpAddr) -> bool {
        let (own, of_own) = bits_of(self.address);
        let (other, of_other) = bits_of(address.to_canonical());
        of_own == of_other && (own ^ other) & mask(self.bits) == 0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// `10.0.0.0/8`, `2001:db8::/32`, or one address. Bits beyond the prefix are refused, because they may be a
    /// mistake.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.into());
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(a, bits)| (a, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let (value, all) = bits_of(address);
        let bits = match bits {
            None => all,
            Some(bits) => bits.parse::<u8>().ok().filter(|n| *n <= all).ok_or_else(error)?,
        };
        let is_network = value & !mask(bits) & mask(all) == 0;
        let is_canonical = address.to_canonical() == address;
        if is_network && is_canonical { Ok(Self { address, bits }) } else { Err(error()) }
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Which address counts as the client's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddress {
    /// The connection's.
    #[default]
    Peer,
    /// The one that trusted proxies send in `X-Forwarded-For`.
    XForwardedFor,
    /// The one that trusted proxies send in `Forwarded` (RFC 7239).
    Forwarded,
    /// The one that trusted proxies send in front of the connection, by the PROXY protocol, version 2.
    ProxyV2,
}

/// Which proxies to trust, and how they name clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The trusted proxies. Peers on a unix socket are trusted as well.
    pub trusted: Vec<Network>,
    /// How they name a request's client.
    pub client_address: ClientAddress,
}

impl Proxies {
    /// Whether a peer is a trusted proxy that names the client in each request's head.
    pub(crate) fn says_in_heads(&self, peer: Peer) -> bool {
        let in_heads =
            matches!(self.client_address, ClientAddress::XForwardedFor | ClientAddress::Forwarded);
        in_heads && self.trusts(peer)
    }

    /// Whether a peer is a trusted proxy that names the client in front of each connection.
    pub(crate) fn says_in_front(&self, peer: Peer) -> bool {
        self.client_address == ClientAddress::ProxyV2 && self.trusts(peer)
    }

    fn trusts(&self, peer: Peer) -> bool {
        peer.ip().is_none_or(|ip| self.trusted.iter().any(|network| network.contains(ip)))
    }

    /// The header field that names a request's client.
    pub(crate) fn field(&self) -> Option<&'static str> {
        match self.client_address {
            ClientAddress::XForwardedFor => Some("x-forwarded-for"),
            ClientAddress::Forwarded => Some("forwarded"),
            ClientAddress::Peer | ClientAddress::ProxyV2 => None,
        }
    }

    /// The client of a request that a trusted proxy forwarded: from the right, the first that is not a trusted proxy.
    /// If the list ends first, or an item is not an address, the last one found counts.
    pub(crate) fn client<'a>(
        &self,
        proxy: Peer,
        values: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> Peer {
        let node = match self.client_address {
            ClientAddress::Forwarded => for_of,
            _ => node,
        };
        let mut last = proxy;
        for hop in values.rev().flat_map(items_from_the_right) {
            let Some(address) = std::str::from_utf8(hop).ok().and_then(node) else { return last };
            last = Peer::from(address);
            if !self.trusts(last) {
                return last;
            }
        }
        last
    }
}

/// The items of a list, the last one first. Quotes are matched from the right as well: the client's own text is on the
/// left, and a quote in it must not swallow what a proxy added.
fn items_from_the_right(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let list = rest?;
        let mut quoted = false;
        let comma = list.iter().rposition(|byte| {
            quoted ^= *byte == b'"';
            *byte == b',' && !quoted
        });
        let (left, item) = match comma {
            Some(at) => (Some(&list[..at]), &list[at + 1..]),
            None => (None, list),
        };
        rest = left;
        Some(item.trim_ascii())
    })
    .filter(|item| !item.is_empty())
}

/// The `for` of one element of `Forwarded`.
fn for_of(element: &str) -> Option<SocketAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    node(value.trim())
}

/// An address, with or without a port, quoted or not; port 0 if there is none.
fn node(text: &str) -> Option<SocketAddr> {
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let ip = match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok()?.into(),
        None => text.parse::<Ipv4Addr>().map(IpAddr::from).or_else(|_| text.parse()).ok()?,
    };
    Some(SocketAddr::new(ip, 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    fn peer(address: &str) -> Peer {
        Peer::from(address.parse::<SocketAddr>().expect("an address"))
    }

    fn proxies(client_address: ClientAddress) -> Proxies {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(network).to_vec();
        Proxies { trusted, client_address }
    }

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
            ("0.0.0.0/0", "203.0.113.1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::/0", "2001:db8::1", "203.0.113.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("::1", "::1", "::2"),
        ] {
            let network = network(text);
            assert!(network.contains(inside.parse().expect("an address")), "{text} {inside}");
            assert!(!network.contains(outside.parse().expect("an address")), "{text} {outside}");
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "::1/129", "proxy", "10/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_client_is_found_from_the_right_past_trusted_proxies() {
        let proxies = proxies(ClientAddress::XForwardedFor);
        for (values, client) in [
            (&["198.51.100.7"][..], "198.51.100.7:0"),
            (&["203.0.113.9, 198.51.100.7"], "198.51.100.7:0"),
            (&["203.0.113.9", "198.51.100.7, 10.0.0.2"], "198.51.100.7:0"),
            (&["203.0.113.9, 198.51.100.7", "10.1.1.1", "10.0.0.2"], "198.51.100.7:0"),
            (&["198.51.100.7:4711,10.0.0.2:80"], "198.51.100.7:4711"),
            (&["2001:db9::7, 2001:db8::1"], "[2001:db9::7]:0"),
            (&["[2001:db9::7]:4711"], "[2001:db9::7]:4711"),
            (&["::ffff:198.51.100.7"], "198.51.100.7:0"),
            // Only trusted proxies: the farthest one.
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3:0"),
            // An item that is not an address ends the list.
            (&["198.51.100.7, unknown"], "10.0.0.1:80"),
            (&["198.51.100.7, who, 10.0.0.2"], "10.0.0.2:0"),
            (&["198.51.100.7 203.0.113.9"], "10.0.0.1:80"),
            (&["198.51.100.7,,"], "198.51.100.7:0"),
            (&[""], "10.0.0.1:80"),
            (&[], "10.0.0.1:80"),
        ] {
            let values = values.iter().map(|value| value.as_bytes());
            let client_is = proxies.client(peer("10.0.0.1:80"), values.clone());
            assert_eq!(client_is, peer(client), "{:?}", values.collect::<Vec<_>>());
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let proxies = proxies(ClientAddress::Forwarded);
        for (value, client) in [
            ("for=198.51.100.7", "198.51.100.7:0"),
            ("For=\"198.51.100.7:4711\";proto=https;by=10.0.0.2", "198.51.100.7:4711"),
            ("for=203.0.113.9, proto=http; for=\"[2001:db9::7]\"", "[2001:db9::7]:0"),
            ("for=198.51.100.7, for=10.0.0.2;by=x", "198.51.100.7:0"),
            ("for=\"_a,b\", for=\"[2001:db9::7]:1\"", "[2001:db9::7]:1"),
            // A client's quote swallows nothing that the proxy added.
            ("for=\"evil, for=198.51.100.7", "198.51.100.7:0"),
            ("for=198.51.100.7, for=_hidden", "10.0.0.1:80"),
            ("for=unknown", "10.0.0.1:80"),
            ("198.51.100.7", "10.0.0.1:80"),
            ("by=198.51.100.7", "10.0.0.1:80"),
        ] {
            let values = std::iter::once(value.as_bytes());
            assert_eq!(proxies.client(peer("10.0.0.1:80"), values), peer(client), "{value}");
        }
    }

    #[test]
    fn only_trusted_peers_can_name_a_requests_client() {
        let (near, far) = (peer("10.0.0.1:80"), peer("203.0.113.9:80"));
        for in_heads in [ClientAddress::XForwardedFor, ClientAddress::Forwarded] {
            let proxies = proxies(in_heads);
            assert!(proxies.says_in_heads(near) && proxies.says_in_heads(Peer::LOCAL));
            assert!(!proxies.says_in_heads(far) && !proxies.says_in_front(near));
        }
        let in_front = proxies(ClientAddress::ProxyV2);
        assert!(in_front.says_in_front(near) && in_front.says_in_front(Peer::LOCAL));
        assert!(!in_front.says_in_front(far) && !in_front.says_in_heads(near));
        let none = proxies(ClientAddress::Peer);
        assert!(!none.says_in_heads(near) && !none.says_in_front(near));
    }

    proptest! {
        /// Whatever a client writes itself, what the proxy adds behind it counts.
        #[test]
        fn no_client_text_hides_what_the_proxy_adds(own in "[ -~]{0,40}", forwarded: bool) {
            let (rule, added) = if forwarded {
                (ClientAddress::Forwarded, "for=\"198.51.100.7:4711\"")
            } else {
                (ClientAddress::XForwardedFor, "198.51.100.7:4711")
            };
            let all = format!("{own}, {added}");
            let found = proxies(rule).client(peer("10.0.0.1:80"), std::iter::once(all.as_bytes()));
            prop_assert_eq!(found, peer("198.51.100.7:4711"));
        }
    }
}
