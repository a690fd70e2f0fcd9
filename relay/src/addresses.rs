//! How many connections there are, in all and from each address. After `io`, before `metrics`. Counts;
//! the listener decides.

use std::{
    collections::HashMap,
    net::IpAddr,
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
