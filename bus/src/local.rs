//! The bus within one process: the directory in memory, commands and events over bounded channels. Never waits for a
//! slow receiver of events: it drops events and counts them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use stagedoor_token::AppId;

use crate::{
    actor::By,
    bus::{Bus, BusFuture},
    clock::Clock,
    command::{Answer, Command},
    directory::{App, AppLife, Directory, Newest},
    error::BusError,
    event::Event,
    invite::{Invite, InviteQueue, InviteRequest, Inviting},
    revocation::{Revocation, Target},
    revocations::Revocations,
    store::{Change, StoreQueue, StoreRequest, Storing},
};

/// Commands that may wait for the relay.
pub const COMMANDS_WAITING_MAX: usize = 1_024;
/// Events that may wait for the server; further ones are dropped and counted.
pub const EVENTS_WAITING_MAX: usize = 65_536;
/// How long a command may take.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// A command, and the sender of its answer.
#[derive(Debug)]
pub struct Asked {
    /// The command.
    pub command: Command,
    /// The sender of the answer.
    pub answer: oneshot::Sender<Answer>,
}

/// The bus within one process.
#[derive(Debug)]
pub struct LocalBus {
    newest: Newest,
    /// Whether keys that are not public are left out of the directory.
    public_keys_only: bool,
    revocations: Arc<Revocations>,
    clock: Clock,
    commands: mpsc::Sender<Asked>,
    events: mpsc::Sender<Event>,
    stores: StoreQueue,
    invites: InviteQueue,
    dropped: AtomicU64,
}

/// The receiving ends, for the relay and the server.
#[derive(Debug)]
pub struct Receivers {
    /// For the relay.
    pub commands: mpsc::Receiver<Asked>,
    /// For the server.
    pub events: mpsc::Receiver<Event>,
    /// For the server.
    pub stores: mpsc::Receiver<StoreRequest>,
    /// For the server.
    pub invites: mpsc::Receiver<InviteRequest>,
}

impl LocalBus {
    /// A bus, and its receiving ends.
    pub fn new() -> (Arc<Self>, Receivers) {
        Self::with(false)
    }

    /// The same; with `public_keys_only` it refuses to be given a secret: keys of HS256 never reach the relay.
    pub fn with(public_keys_only: bool) -> (Arc<Self>, Receivers) {
        let (commands, commands_end) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (events, events_end) = mpsc::channel(EVENTS_WAITING_MAX);
        let (stores, stores_end) = StoreQueue::new();
        let (invites, invites_end) = InviteQueue::new();
        let bus = Self {
            newest: Newest::default(),
            public_keys_only,
            revocations: Arc::default(),
            clock: Clock::start(),
            commands,
            events,
            stores,
            invites,
            dropped: AtomicU64::new(0),
        };
        let ends = Receivers {
            commands: commands_end,
            events: events_end,
            stores: stores_end,
            invites: invites_end,
        };
        (Arc::new(bus), ends)
    }
}

impl Bus for LocalBus {
    fn directory(&self) -> Arc<Directory> {
        self.newest.get()
    }

    fn put_app(&self, mut app: App) -> BusFuture<'_, ()> {
        if self.public_keys_only {
            app.keys.retain(|key| key.key.is_public());
        }
        self.newest.change(|directory| directory.with(app));
        Box::pin(async { Ok(()) })
    }

    fn remove_app(&self, id: AppId) -> BusFuture<'_, ()> {
        self.newest.change(|directory| directory.without(id));
        self.revocations.forget_app(id);
        Box::pin(async { Ok(()) })
    }

    fn revocations(&self) -> Arc<Revocations> {
        self.revocations.clone()
    }

    fn revoke(&self, revocation: &Revocation) {
        self.revocations.add(revocation);
    }

    fn store(&self, app: AppLife, revocations: Vec<Revocation>, by: By) -> Storing {
        let held = revocations.iter().map(|entry| Revocations::hold(&self.revocations, entry));
        let held = held.collect();
        self.stores.put(app, Change::Revoke(revocations), by, false, held)
    }

    fn store_due(&self, app: AppLife, revocations: Vec<Revocation>, by: By) -> Storing {
        revocations.iter().for_each(|entry| self.revocations.add(entry));
        self.stores.put(app, Change::Revoke(revocations), by, true, Vec::new())
    }

    fn invite(&self, invite: Invite) -> Inviting {
        self.invites.put(invite)
    }

    fn lift(&self, app: AppId, target: &Target, left: &[Revocation]) {
        self.revocations.lift(app, target, left);
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn command(&self, command: Command) -> BusFuture<'_, Answer> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.commands.try_send(Asked { command, answer }).map_err(|_| BusError::Unavailable)?;
            match tokio::time::timeout(COMMAND_TIMEOUT, answered).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(_)) => Err(BusError::Unavailable),
                Err(_) => Err(BusError::Timeout),
            }
        })
    }

    fn emit(&self, event: Event) {
        if self.dropped.load(Ordering::Relaxed) > 0 {
            let events = self.dropped.swap(0, Ordering::Relaxed);
            if events > 0 && self.events.try_send(Event::Dropped { events }).is_err() {
                self.dropped.fetch_add(events, Ordering::Relaxed);
            }
        }
        if self.events.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagedoor_token::{Key, KeyState, Roles};

    use crate::{actor::Actor, store::STORES_WAITING_MAX};

    const APP: AppLife = AppLife { id: AppId(1), since_ms: 1 };

    fn host() -> By {
        By { actor: Actor::User("host".into()), peer: None }
    }

    fn opened(room: &str) -> Event {
        Event::RoomOpened { app: APP, room: room.into() }
    }

    #[tokio::test]
    async fn a_command_is_answered_or_refused_without_a_relay() {
        let (bus, mut ends) = LocalBus::new();
        let asking = tokio::spawn({
            let bus = bus.clone();
            async move { bus.command(Command::CloseRoom { app: AppId(1), room: "r".into() }).await }
        });
        let asked = ends.commands.recv().await.expect("the command arrives");
        asked.answer.send(Answer::RoomUnknown).expect("somebody waits");
        assert!(matches!(asking.await.expect("no panic"), Ok(Answer::RoomUnknown)));

        drop(ends);
        let refused = bus.command(Command::CloseRoom { app: AppId(1), room: "r".into() }).await;
        assert_eq!(refused.expect_err("nobody is there"), BusError::Unavailable);
    }

    #[tokio::test]
    async fn a_directory_of_public_keys_takes_no_secret() {
        let app = App {
            id: AppId(1),
            since_ms: 1,
            keys: [
                Key::hs256(AppId(1), "k_hmac", &[1; 32], KeyState::Current),
                Key::ed25519(AppId(1), "k_public", &[1; 32], KeyState::Current),
            ]
            .map(|key| key.expect("a key").into())
            .to_vec(),
            roles: Roles::built_in(),
            second_login: None,
            token04: None,
        };
        for (only, kids) in [(true, &["k_public"][..]), (false, &["k_hmac", "k_public"])] {
            let (bus, _ends) = LocalBus::with(only);
            bus.put_app(app.clone()).await.expect("told");
            let directory = bus.directory();
            let mut known: Vec<&str> = directory.app_keys().map(|key| key.key.kid()).collect();
            known.sort_unstable();
            assert_eq!(known, kids);
            assert_eq!(directory.keys().get("k_hmac").is_some(), !only);
        }
    }

    #[tokio::test]
    async fn uses_of_a_key_outlive_a_change_of_its_app() {
        let (bus, _ends) = LocalBus::new();
        let key = |state| Key::ed25519(AppId(1), "k", &[1; 32], state).expect("a key").into();
        let app = |state| App {
            id: AppId(1),
            since_ms: 1,
            keys: vec![key(state)],
            roles: Roles::built_in(),
            second_login: None,
            token04: None,
        };
        bus.put_app(app(KeyState::Current)).await.expect("told");
        let before = bus.directory();
        before.key("k").expect("a key").used(7);
        bus.put_app(app(KeyState::Retiring)).await.expect("told");
        before.key("k").expect("a key").used(5);
        let directory = bus.directory();
        let key = directory.key("k").expect("a key");
        assert_eq!((key.key.state(), key.take_uses()), (KeyState::Retiring, Some((2, 7))));
        assert_eq!(key.take_uses(), None);
    }

    #[tokio::test]
    async fn dropped_events_are_counted_and_reported() {
        let (bus, mut ends) = LocalBus::new();
        for _ in 0..EVENTS_WAITING_MAX + 3 {
            bus.emit(opened("r"));
        }
        for _ in 0..2 {
            assert_eq!(ends.events.recv().await, Some(opened("r")));
        }
        assert_eq!((bus.take_dropped(), bus.take_dropped()), (3, 0), "and taken once");
        bus.dropped.store(3, Ordering::Relaxed);
        bus.emit(opened("last"));
        let mut seen = Vec::new();
        while let Ok(event) = ends.events.try_recv() {
            seen.push(event);
        }
        assert_eq!(seen[seen.len() - 2..], [Event::Dropped { events: 3 }, opened("last")]);
    }

    fn ban(user: &str, ends_s: u64) -> Revocation {
        Revocation {
            app: AppId(1),
            target: Target::User(user.into()),
            generation: 0,
            at_s: 1,
            ban: true,
            ends_s: Some(ends_s),
            reason: None,
        }
    }

    fn is_banned(bus: &LocalBus, user: &str) -> bool {
        let bearer = crate::Bearer {
            app: AppId(1),
            room: "r",
            user,
            role: "host",
            kid: "k",
            jti: "j",
            iat: 0,
            generation: None,
        };
        bus.revocations().find(&bearer, 5).is_some_and(|hit| hit.ban)
    }

    #[tokio::test]
    async fn the_doors_enforce_what_is_being_stored() {
        let (bus, mut ends) = LocalBus::new();
        let storing = bus.store(APP, vec![ban("anna", 9), ban("ben", 9)], host());
        assert!(is_banned(&bus, "anna") && is_banned(&bus, "ben") && !is_banned(&bus, "carl"));
        ends.stores.recv().await.expect("a request").failed();
        assert_eq!(storing.await.expect_err("refused"), BusError::StoreUnavailable);
        assert!(!is_banned(&bus, "anna") && !is_banned(&bus, "ben"));

        bus.revoke(&ban("anna", 7));
        let storing = bus.store(APP, vec![ban("anna", 9)], host());
        ends.stores.recv().await.expect("a request").failed();
        drop(storing);
        assert!(is_banned(&bus, "anna"), "what was stored before remains");
        drop(ends);
        let refused = bus.store(APP, vec![ban("ben", 9)], host()).await;
        assert_eq!(refused.expect_err("nobody is there"), BusError::StoreUnavailable);
        assert!(!is_banned(&bus, "ben"));
    }

    #[tokio::test]
    async fn a_stored_entry_that_is_not_kept_is_lifted() {
        let (bus, mut ends) = LocalBus::new();
        for (nth, kept) in [true, false, false].into_iter().enumerate() {
            let storing = bus.store(APP, vec![ban("anna", 9)], By::outside(Actor::Relay));
            let request = ends.stores.recv().await.expect("a request");
            assert_eq!((&request.by.actor, request.is_due), (&Actor::Relay, false));
            if nth == 2 {
                drop(storing);
                request.stored(vec![3]);
            } else {
                request.stored(vec![3]);
                let stored = storing.await.expect("stored");
                if kept { stored.keep() } else { drop(stored) }
            }
            let lift = ends.stores.try_recv().ok();
            assert_eq!(lift.is_none(), kept);
            let Some(lift) = lift else { continue };
            assert_eq!((&lift.change, lift.app, lift.is_due), (&Change::Lift(vec![3]), APP, true));
        }
    }

    #[tokio::test]
    async fn excess_requests_are_refused_but_due_ones_accepted() {
        let (bus, ends) = LocalBus::new();
        let mut storing: Vec<Storing> =
            (0..STORES_WAITING_MAX).map(|_| bus.store(APP, vec![ban("anna", 9)], host())).collect();
        let refused = bus.store(APP, vec![ban("ben", 9)], host()).await;
        assert_eq!(refused.expect_err("full"), BusError::StoreUnavailable);
        assert!(!is_banned(&bus, "ben"));
        storing.push(bus.store_due(APP, vec![ban("ben", 9)], host()));
        assert!(is_banned(&bus, "ben"));
        drop(ends);
        for storing in storing {
            assert_eq!(storing.await.expect_err("gone"), BusError::StoreUnavailable);
        }
        assert!(is_banned(&bus, "ben") && !is_banned(&bus, "anna"));
    }
}
