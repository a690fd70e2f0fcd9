//! Tickets replace a one-time token for later logins. A ticket is valid for one login, which issues the next one; only
//! hashes of tickets are kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use stagedoor_token::{AppId, Claims};

/// Random bytes of a ticket.
const TICKET_BYTES: usize = 24;
/// With this many tickets, those of expired tokens are looked for.
const TICKETS_KEPT_MIN: usize = 1_024;

type Hash = [u8; 32];

/// What a ticket stands for: a verified token.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) claims: Claims,
    pub(crate) kid: Arc<str>,
}

#[derive(Debug, Default)]
struct Held {
    tickets: HashMap<Hash, Ticket>,
    /// Those of logins in progress.
    taken: HashMap<Hash, Ticket>,
    /// One-time tokens in use, by the number of the use.
    uses: HashMap<u64, (AppId, String)>,
    last_use: u64,
    /// How many there may be before expired ones are removed.
    clear_at: usize,
}

/// Every ticket that was issued and can be used.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<Held>);

fn hash(ticket: &str) -> Hash {
    Sha256::digest(ticket.as_bytes()).into()
}

impl Tickets {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a ticket; tickets of tokens that had expired at the settled time are removed. `None` if the system
    /// provides no random bytes.
    pub(crate) fn give(
        &self,
        stands_for: Ticket,
        settled_s: impl FnOnce() -> u64,
    ) -> Option<String> {
        let mut bytes = [0; TICKET_BYTES];
        getrandom::fill(&mut bytes).ok()?;
        let ticket = URL_SAFE_NO_PAD.encode(bytes);
        let mut held = self.lock();
        if held.tickets.len() >= held.clear_at.max(TICKETS_KEPT_MIN) {
            let settled_s = settled_s();
            held.tickets.retain(|_, ticket| ticket.claims.exp > settled_s);
            held.clear_at = 2 * held.tickets.len();
        }
        held.tickets.insert(hash(&ticket), stands_for);
        Some(ticket)
    }

    /// What a ticket stands for, if it was issued.
    pub(crate) fn find(&self, ticket: &str) -> Option<Ticket> {
        self.lock().tickets.get(&hash(ticket)).cloned()
    }

    /// Reserves a ticket for a login, which then settles it or puts it back. `false` if it was used meanwhile.
    pub(crate) fn take(&self, ticket: &str) -> bool {
        let hash = hash(ticket);
        let mut held = self.lock();
        let taken = held.tickets.remove(&hash);
        taken.map(|ticket| held.taken.insert(hash, ticket)).is_some()
    }

    /// Puts a reserved ticket back.
    pub(crate) fn put_back(&self, ticket: &str) {
        let hash = hash(ticket);
        let mut held = self.lock();
        if let Some(ticket) = held.taken.remove(&hash) {
            held.tickets.insert(hash, ticket);
        }
    }

    /// Settles a reserved ticket, once its login has its seat. `false` if it was revoked meanwhile: the revocation may
    /// then have missed the seat.
    pub(crate) fn settle(&self, ticket: &str) -> bool {
        self.lock().taken.remove(&hash(ticket)).is_some()
    }

    /// Begins the use of a token; returns the number of the use, to be ended.
    pub(crate) fn begin_use(&self, app: AppId, jti: &str) -> u64 {
        let mut held = self.lock();
        held.last_use += 1;
        let number = held.last_use;
        held.uses.insert(number, (app, jti.to_owned()));
        number
    }

    /// Ends the use of a token, once it has its seat. `false` if the token was revoked meanwhile: the revocation may
    /// then have missed the seat.
    pub(crate) fn end_use(&self, number: u64) -> bool {
        self.lock().uses.remove(&number).is_some()
    }

    /// Revokes a token's tickets, including reserved ones, and ends its use.
    pub(crate) fn forget(&self, app: AppId, jti: &str) {
        let held = &mut *self.lock();
        held.uses.retain(|_, used| used.0 != app || used.1 != jti);
        for tickets in [&mut held.tickets, &mut held.taken] {
            tickets.retain(|_, ticket| ticket.claims.app != app || ticket.claims.jti != jti);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(jti: &str, exp: u64) -> Ticket {
        let role = "host".parse().expect("a role's name");
        Ticket {
            claims: Claims::builder(AppId(7), role)
                .room("r")
                .user("u")
                .jti(jti)
                .lifetime(0, exp)
                .build(),
            kid: "k".into(),
        }
    }

    #[test]
    fn a_ticket_is_reserved_once_and_not_after_revocation() {
        let tickets = Tickets::default();
        let first = tickets.give(ticket("a", 60), || 0).expect("a ticket");
        let second = tickets.give(ticket("b", 60), || 0).expect("a ticket");
        assert_eq!(tickets.find(&first).map(|ticket| ticket.claims.jti), Some("a".into()));
        assert!(tickets.take(&first) && !tickets.take(&first));
        tickets.forget(AppId(8), "b");
        assert!(tickets.find(&second).is_some());
        tickets.forget(AppId(7), "b");
        assert!(tickets.find(&second).is_none() && tickets.find("").is_none());
    }

    #[test]
    fn a_reserved_ticket_is_settled_or_put_back_unless_revoked() {
        let tickets = Tickets::default();
        let first = tickets.give(ticket("a", 60), || 0).expect("a ticket");
        assert!(tickets.take(&first));
        tickets.put_back(&first);
        assert!(tickets.take(&first) && tickets.settle(&first) && !tickets.settle(&first));
        let second = tickets.give(ticket("a", 60), || 0).expect("a ticket");
        assert!(tickets.take(&second));
        tickets.forget(AppId(7), "a");
        tickets.put_back(&second);
        assert!(!tickets.settle(&second) && tickets.find(&second).is_none());
    }

    #[test]
    fn a_use_ends_once_unless_its_token_was_revoked() {
        let tickets = Tickets::default();
        let [first, second] = ["a", "b"].map(|jti| tickets.begin_use(AppId(7), jti));
        tickets.forget(AppId(7), "a");
        assert!(!tickets.end_use(first) && tickets.end_use(second) && !tickets.end_use(second));
        assert!(tickets.lock().uses.is_empty());
    }

    #[test]
    fn expired_tickets_are_removed() {
        let tickets = Tickets::default();
        for _ in 0..TICKETS_KEPT_MIN {
            tickets.give(ticket("old", 10), || 0);
        }
        tickets.give(ticket("new", 60), || 10);
        assert_eq!(tickets.lock().tickets.len(), 1);
    }
}
