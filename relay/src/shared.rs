//! What all connections of the relay share. Decides nothing.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use stagedoor_bus::{App, Bus, Clock, Directory, Event, Revocation, Target};
use stagedoor_token::{AppId, Roles};
use stagedoor_wire::{close::Close, limits::Limits};
use tokio::sync::Notify;

use crate::{
    door::{LoginRates, Tickets},
    log::mailbox::{Mailbox, Order},
    memory::Memory,
    metrics::Metrics,
    net::origin::Origin,
    room::{ChangeError, Failed, Gone, GrantChange, Occupant, Room, Rooms},
};

/// What connections share.
pub(crate) struct Shared {
    pub(crate) limits: Arc<Limits>,
    pub(crate) origins: Vec<Origin>,
    /// The cookie that may carry a token.
    pub(crate) cookie: Option<String>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) rooms: Rooms,
    pub(crate) tickets: Tickets,
    pub(crate) login_rates: LoginRates,
    /// Held while it is determined whether a one-time token was used.
    pub(crate) once: Mutex<()>,
    pub(crate) metrics: Metrics,
    pub(crate) memory: Memory,
    pub(crate) clock: Clock,
    draining: AtomicBool,
    epochs: AtomicU64,
    connection_ids: AtomicU64,
    connections: Mutex<HashMap<u64, Arc<Mailbox>>>,
    /// Notified when a draining relay's last connection has ended.
    emptied: Notify,
}

impl Shared {
    pub(crate) fn new(
        limits: Limits,
        origins: Vec<Origin>,
        cookie: Option<String>,
        bus: Arc<dyn Bus>,
    ) -> Self {
        let memory = Memory::new(limits.memory_bytes_max);
        Self {
            login_rates: LoginRates::new(&limits),
            limits: Arc::new(limits),
            origins,
            cookie,
            rooms: Rooms::default(),
            tickets: Tickets::default(),
            once: Mutex::default(),
            metrics: Metrics::default(),
            clock: bus.clock().clone(),
            bus,
            memory,
            draining: AtomicBool::new(false),
            epochs: AtomicU64::new(random_u32().into()),
            connection_ids: AtomicU64::new(0),
            connections: Mutex::default(),
            emptied: Notify::new(),
        }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Mailbox>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The epoch of a new log: starts at random and steps by an odd number, so that neither this run of the relay nor,
    /// in all likelihood, another gives the same epoch to another log.
    pub(crate) fn epoch(&self) -> u32 {
        self.epochs.fetch_add(0x9e37_79b1, Ordering::Relaxed) as u32
    }

    /// Whether the relay is shutting down.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Begins the shutdown. Every connection is ordered to close within `grace`, one after the other, and later ones
    /// close at once.
    pub(crate) fn drain(&self, now: Instant, grace: Duration) {
        let mailboxes: Vec<Arc<Mailbox>> = {
            // Under the lock under which connections begin: each is either ordered here or sees the flag.
            let connections = self.connections();
            self.draining.store(true, Ordering::Relaxed);
            connections.values().cloned().collect()
        };
        let count = mailboxes.len().max(1) as f64;
        for (at, mailbox) in mailboxes.iter().enumerate() {
            let at = now + grace.mul_f64(at as f64 / count);
            mailbox.order(Order { close: Close::Closing, at });
        }
    }

    /// Waits until a draining relay's last connection has ended.
    pub(crate) async fn emptied(&self) {
        loop {
            let mut emptied = pin!(self.emptied.notified());
            // Registered from here on: connections that ended before are not counted, and those that end later notify.
            emptied.as_mut().enable();
            if self.connection_count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Evicts a member from its room; returns its last version. `None` if it has already left.
    pub(crate) fn evict(
        &self,
        room: &Arc<Room>,
        member: &Occupant,
        close: Close,
    ) -> Option<Arc<Occupant>> {
        let Gone { member, closed } = room.evict(member, close)?;
        if closed {
            self.forget(room);
        }
        Some(member)
    }

    /// Evicts all seats of a user. `None` if it is not in the room.
    pub(crate) fn evict_all(&self, room: &Arc<Room>, user: &str, close: Close) -> Option<()> {
        let seats = room.seats(user);
        let out = seats.iter().filter_map(|member| self.evict(room, member, close));
        (out.count() > 0).then_some(())
    }

    /// Changes a member's grants, with the app's present roles.
    pub(crate) fn change_grants(
        &self,
        room: &Arc<Room>,
        member: &Arc<Occupant>,
        change: &GrantChange,
        by: Option<&Occupant>,
    ) -> Result<Arc<Occupant>, Failed<ChangeError>> {
        room.change_grants(member, change, by, &self.roles(room.app), self.epoch())
    }

    /// Changes the other seats of a member's user in the same way.
    pub(crate) fn change_others(
        &self,
        room: &Arc<Room>,
        member: &Occupant,
        change: &GrantChange,
        by: Option<&Occupant>,
    ) {
        let user = &member.member.user;
        room.change_others(user, member.seat, change, by, &self.roles(room.app), self.epoch());
    }

    /// Changes the grants of the member in a seat, whatever its present version.
    pub(crate) fn change_grants_of(
        &self,
        room: &Arc<Room>,
        user: &str,
        seat: u64,
        change: &GrantChange,
    ) -> Result<Arc<Occupant>, ChangeError> {
        Room::change(
            || room.sitting(user, seat).ok_or(ChangeError::Gone),
            |member| self.change_grants(room, member, change, None),
        )
    }

    /// Counts a token that the door took for its key.
    pub(crate) fn key_used(&self, directory: &Directory, kid: &str, iat: u64) {
        if let Some(key) = directory.key(kid) {
            key.used(iat);
        }
    }

    /// Reports the uses of keys since the last call.
    pub(crate) fn report_keys_used(&self) {
        let directory = self.bus.directory();
        for key in directory.app_keys() {
            let Some(app) = directory.app(key.key.app()).map(App::life) else { continue };
            if let Some((tokens, iat_max)) = key.take_uses() {
                let kid = key.key.shared_kid();
                self.bus.emit(Event::KeyUsed { app, kid, tokens, iat_max });
            }
        }
    }

    /// The app's roles.
    pub(crate) fn roles(&self, app: AppId) -> Arc<Roles> {
        self.bus.directory().app(app).map(|app| app.roles.clone()).unwrap_or_default()
    }

    /// Closes a room at once, and reports the member's act that did it, if any; returns how many seats it had.
    pub(crate) fn close(&self, room: &Arc<Room>, act: Option<Event>) -> usize {
        let seats = room.close(act);
        self.forget(room);
        seats
    }

    /// Removes a room that is empty and closed.
    pub(crate) fn forget(&self, room: &Arc<Room>) {
        let now_ms = self.clock.now_ms();
        self.rooms.forget(room, now_ms, now_ms + self.limits.standing_keep_ms);
    }

    /// Registers a connection until the returned value is dropped.
    pub(crate) fn connected(self: &Arc<Self>, mailbox: &Arc<Mailbox>) -> Connected {
        let id = self.connection_ids.fetch_add(1, Ordering::Relaxed);
        let is_late = {
            let mut connections = self.connections();
            connections.insert(id, mailbox.clone());
            self.is_draining()
        };
        if is_late {
            mailbox.close(Close::Closing);
        }
        Connected { shared: self.clone(), id }
    }

    /// Every connection's mailbox.
    pub(crate) fn mailboxes(&self) -> Vec<Arc<Mailbox>> {
        self.connections().values().cloned().collect()
    }

    /// The number of connections.
    pub(crate) fn connection_count(&self) -> usize {
        self.connections().len()
    }
}

/// The revocation of a token's id, so that it cannot log in again.
pub(crate) fn of_token(app: AppId, jti: &str, now_s: u64, reason: &str) -> Revocation {
    Revocation {
        app,
        target: Target::Jti(jti.into()),
        generation: 0,
        at_s: now_s,
        ends_s: None,
        ban: false,
        reason: Some(reason.into()),
    }
}

/// A nonce for a proof, impossible to guess. `None` if the system provides no random bytes.
pub(crate) fn nonce() -> Option<Box<str>> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes).into())
}

/// A registered connection.
pub(crate) struct Connected {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let is_last = {
            let mut connections = self.shared.connections();
            connections.remove(&self.id);
            connections.is_empty()
        };
        if is_last && self.shared.is_draining() {
            self.shared.emptied.notify_waiters();
        }
    }
}

/// A number that is impossible to guess; without the system's random bytes, the time.
pub(crate) fn random_u32() -> u32 {
    getrandom::u32().unwrap_or_else(|_| Clock::start().unix_ms() as u32)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use stagedoor_bus::LocalBus;

    use super::*;
    use crate::log::mailbox::Mail;

    fn shared() -> Arc<Shared> {
        let (bus, _ends) = LocalBus::new();
        Arc::new(Shared::new(Limits::default(), Vec::new(), None, bus))
    }

    fn ordered(mailbox: &Mailbox) -> Option<Order> {
        mailbox.take(&mut Mail::default(), true, Waker::noop())
    }

    #[test]
    fn draining_spreads_closes_and_later_ones_close_at_once() {
        let (shared, now) = (shared(), Instant::now());
        let mailboxes: Vec<Arc<Mailbox>> = (0..4).map(|_| Arc::default()).collect();
        let connected: Vec<Connected> =
            mailboxes.iter().map(|mailbox| shared.connected(mailbox)).collect();
        shared.drain(now, Duration::from_secs(4));
        let mut seconds: Vec<u64> = mailboxes
            .iter()
            .filter_map(|mailbox| ordered(mailbox))
            .map(|order| order.at.duration_since(now).as_secs())
            .collect();
        seconds.sort_unstable();
        assert_eq!(seconds, [0, 1, 2, 3]);
        let late = Arc::<Mailbox>::default();
        let _late = shared.connected(&late);
        assert!(ordered(&late).is_some_and(|order| order.at <= Instant::now()));
        drop(connected);
    }

    #[tokio::test]
    async fn the_last_connection_that_ends_wakes_the_drain() {
        let shared = shared();
        let first = shared.connected(&Arc::default());
        let second = shared.connected(&Arc::default());
        shared.drain(Instant::now(), Duration::ZERO);
        let waits = tokio::spawn({
            let shared = shared.clone();
            async move { shared.emptied().await }
        });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(second);
        let waited = tokio::time::timeout(Duration::from_secs(10), waits).await;
        waited.expect("it is woken").expect("it ends");
    }
}
