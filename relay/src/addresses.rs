//! How many connections there are, in all and from each address. After `io`, before `metrics`. Counts;
//! the listener decides.

use std::{
    collections::HashMap,
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

/// A peer's address as text. IPv4 by hand: what formats any text in any way takes several times as long.
pub(crate) fn text(peer: SocketAddr) -> Arc<str> {
    let SocketAddr::V4(peer) = peer else { return peer.to_string().into() };
    let mut out = String::with_capacity("255.255.255.255:65535".len());
    let [a, b, c, d] = peer.ip().octets();
    for (octet, end) in [(a, '.'), (b, '.'), (c, '.'), (d, ':')] {
        put_decimal(&mut out, octet.into());
        out.push(end);
    }
    put_decimal(&mut out, peer.port());
    out.into()
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
