//! Counts connections, in total and per address. The listener decides.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use stagedoor_wire::rate::source;

/// Connections in total and per address. An IPv6 network of 64 bits counts as one address.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    each: HashMap<IpAddr, usize>,
}

/// A peer's origin, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(Option<SocketAddr>);

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(Some(SocketAddr::new(address.ip().to_canonical(), address.port())))
    }
}

impl Peer {
    /// A peer on this machine, over a unix socket.
    pub const LOCAL: Self = Self(None);

    /// The address; port 0 if the port is unknown.
    pub fn address(self) -> Option<SocketAddr> {
        self.0
    }

    /// The address without its port.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        self.0.map(|address| address.ip())
    }

    /// As text. IPv4 is formatted by hand, several times faster than the general way.
    pub(crate) fn text(self) -> Arc<str> {
        let Some(SocketAddr::V4(peer)) = self.0 else { return self.to_string().into() };
        let mut out = String::with_capacity("255.255.255.255:65535".len());
        let [a, b, c, d] = peer.ip().octets();
        for (octet, end) in [(a, '.'), (b, '.'), (c, '.'), (d, ':')] {
            put_decimal(&mut out, octet.into());
            out.push(end);
        }
        if peer.port() == 0 {
            out.pop();
        } else {
            put_decimal(&mut out, peer.port());
        }
        out.into()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("unix"),
            Some(address) if address.port() == 0 => address.ip().fmt(f),
            Some(address) => address.fmt(f),
        }
    }
}

fn put_decimal(out: &mut String, n: u16) {
    if n >= 10 {
        put_decimal(out, n / 10);
    }
    out.push(char::from(b'0' + (n % 10) as u8));
}

/// One counted connection, or one counted request at its client's address.
#[derive(Debug)]
pub(crate) struct Counted {
    addresses: Arc<Addresses>,
    /// The address at which it counts, if any.
    address: Option<IpAddr>,
    is_connection: bool,
}

impl Addresses {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection; returns the number of connections, in total and at its address, including it.
    pub(crate) fn count(self: &Arc<Self>, address: Option<IpAddr>) -> (Counted, usize, usize) {
        let address = address.map(source);
        let mut counts = self.counts();
        counts.all += 1;
        let all = counts.all;
        let each = address.map_or(0, |address| counts.one_more(address));
        (Counted { addresses: self.clone(), address, is_connection: true }, all, each)
    }

    /// Counts a request at its client's address; returns the number there, including it.
    pub(crate) fn count_at(self: &Arc<Self>, address: IpAddr) -> (Counted, usize) {
        let address = source(address);
        let each = self.counts().one_more(address);
        (Counted { addresses: self.clone(), address: Some(address), is_connection: false }, each)
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.counts().all
    }
}

impl Counts {
    fn one_more(&mut self, address: IpAddr) -> usize {
        let each = self.each.entry(address).or_default();
        *each += 1;
        *each
    }
}

impl Counted {
    /// Also counts it at an address, once that is known; returns the number there, including it.
    pub(crate) fn belongs_to(&mut self, address: IpAddr) -> usize {
        let (counted, each) = self.addresses.count_at(address);
        self.absorb(Some(counted));
        each
    }

    /// Keeps another's place at its address for its own lifetime.
    pub(crate) fn absorb(&mut self, other: Option<Self>) {
        if let Some(mut other) = other {
            std::mem::swap(&mut self.address, &mut other.address);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts();
        counts.all -= usize::from(self.is_connection);
        let Some(address) = self.address else { return };
        if let Some(each) = counts.each.get_mut(&address) {
            *each -= 1;
            if *each == 0 {
                counts.each.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_formatted_as_its_address() {
        for (address, text) in [
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("192.0.2.1:0", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:8080", "192.0.2.1:8080"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
            ("[2001:db8::1]:0", "2001:db8::1"),
        ] {
            let peer = Peer::from(address.parse::<SocketAddr>().expect("an address"));
            assert_eq!((&*peer.text(), &*peer.to_string()), (text, text));
        }
        assert_eq!(&*Peer::LOCAL.text(), "unix");
    }
}
