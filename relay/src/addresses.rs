//! How many connections there are, in all and from each address. After `io`, before `metrics`. Counts;
//! the listener decides.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

/// Connections by address, HTTP requests included.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    each: HashMap<IpAddr, usize>,
}

/// Where somebody comes from, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(Option<SocketAddr>);

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(Some(SocketAddr::new(address.ip().to_canonical(), address.port())))
    }
}

impl Peer {
    /// Somebody on this machine, over a unix socket.
    pub const LOCAL: Self = Self(None);

    /// The address; port 0 where the port is not known.
    pub fn address(self) -> Option<SocketAddr> {
        self.0
    }

    /// The address without its port.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        self.0.map(|address| address.ip())
    }

    /// As text. IPv4 by hand: what formats any text in any way takes several times as long.
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

/// One counted connection.
#[derive(Debug)]
pub(crate) struct Counted {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Counts one: with it, how many there are in all, and how many from its address.
    pub(crate) fn count(self: &Arc<Self>, address: IpAddr) -> (Counted, usize, usize) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all += 1;
        let all = counts.all;
        let each = counts.each.entry(address).or_default();
        *each += 1;
        (Counted { addresses: self.clone(), address }, all, *each)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(each) = counts.each.get_mut(&self.address) {
            *each -= 1;
            if *each == 0 {
                counts.each.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_written_as_its_address() {
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
