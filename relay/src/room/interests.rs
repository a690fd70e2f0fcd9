//! Which seats wait for which stream names. Of `room`. A stream that begins looks its name up once and
//! tries each distinct prefix once, however many members hold it. Knows no grants.

use std::{collections::HashMap, sync::Arc};

use stagedoor_token::Pattern;

use crate::mail::Mailbox;

/// Seats by number, with the mailboxes that find them.
type Seats = HashMap<u64, Arc<Mailbox>>;

/// The index.
#[derive(Debug, Default)]
pub(super) struct Interests {
    exact: HashMap<String, Seats>,
    prefix: HashMap<Pattern, Seats>,
}

impl Interests {
    pub(super) fn add(&mut self, pattern: &Pattern, seat: u64, mailbox: &Arc<Mailbox>) {
        let seats = if pattern.is_exact() {
            self.exact.entry(pattern.as_str().to_owned()).or_default()
        } else {
            self.prefix.entry(pattern.clone()).or_default()
        };
        seats.insert(seat, mailbox.clone());
    }

    pub(super) fn remove(&mut self, pattern: &Pattern, seat: u64) {
        if pattern.is_exact() {
            if let Some(seats) = self.exact.get_mut(pattern.as_str()) {
                seats.remove(&seat);
                if seats.is_empty() {
                    self.exact.remove(pattern.as_str());
                }
            }
        } else if let Some(seats) = self.prefix.get_mut(pattern) {
            seats.remove(&seat);
            if seats.is_empty() {
                self.prefix.remove(pattern);
            }
        }
    }

    /// Calls `tell` for each seat that waits for `name`; for one that does by two patterns, twice.
    pub(super) fn each(&self, name: &str, mut tell: impl FnMut(&Arc<Mailbox>)) {
        let prefixes = self.prefix.iter().filter(|(pattern, _)| pattern.matches(name));
        for seats in self.exact.get(name).into_iter().chain(prefixes.map(|(_, seats)| seats)) {
            seats.values().for_each(&mut tell);
        }
    }
}
