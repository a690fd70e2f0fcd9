//! The bus within one process: the directory lies in memory, commands and events go over bounded
//! channels. First room of the bus. Never waits for a slow listener of events: it counts what it drops.

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
    bus::{Bus, BusError, BusFuture},
    clock::Clock,
    command::{Answer, Command},
    directory::{App, Directory, Newest},
    event::Event,
    revocation::{Revocation, Target},
    revocations::Revocations,
};

/// Commands that wait for the relay, at most.
pub const COMMANDS_WAITING_MAX: usize = 1_024;
/// Events that wait for the server, at most; further ones are dropped and counted.
pub const EVENTS_WAITING_MAX: usize = 65_536;
/// Events beyond that which are not dropped because they tell of a revocation: what is enforced already is to
/// be stored as well.
pub const REVOCATIONS_WAITING_MAX: usize = 65_536;
/// How long a command may take.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// A command and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub command: Command,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Answer>,
}

/// The bus within one process.
#[derive(Debug)]
pub struct LocalBus {
    newest: Newest,
    revocations: Arc<Revocations>,
    clock: Clock,
    commands: mpsc::Sender<Asked>,
    events: mpsc::Sender<Event>,
    dropped: AtomicU64,
}

/// What the relay and the server take off the bus; each end once.
#[derive(Debug)]
pub struct Ends {
    /// For the relay.
    pub commands: mpsc::Receiver<Asked>,
    /// For the server.
    pub events: mpsc::Receiver<Event>,
}

impl LocalBus {
    /// A bus, and the ends of its channels.
    pub fn new() -> (Arc<Self>, Ends) {
        let (commands, commands_end) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (events, events_end) = mpsc::channel(EVENTS_WAITING_MAX + REVOCATIONS_WAITING_MAX);
        let bus = Self {
            newest: Newest::default(),
            revocations: Arc::default(),
            clock: Clock::start(),
            commands,
            events,
            dropped: AtomicU64::new(0),
        };
        (Arc::new(bus), Ends { commands: commands_end, events: events_end })
    }
}

impl Bus for LocalBus {
    fn directory(&self) -> Arc<Directory> {
        self.newest.get()
    }

    fn put_app(&self, app: App) -> BusFuture<'_, ()> {
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

    fn tell(&self, event: Event) {
        if self.dropped.load(Ordering::Relaxed) > 0 {
            let events = self.dropped.swap(0, Ordering::Relaxed);
            if events > 0 && !self.put(Event::Dropped { events }) {
                self.dropped.fetch_add(events, Ordering::Relaxed);
            }
        }
        if !self.put(event) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl LocalBus {
    /// Puts an event where the server takes it, if there is room for its kind.
    fn put(&self, event: Event) -> bool {
        let kept_free = match event {
            Event::Revoked { .. } => 0,
            _ => REVOCATIONS_WAITING_MAX,
        };
        self.events.capacity() > kept_free && self.events.try_send(event).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(room: &str) -> Event {
        Event::RoomOpened { app: AppId(1), room: room.into() }
    }

    #[tokio::test]
    async fn a_command_is_answered_and_without_a_relay_is_refused() {
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
    async fn events_over_the_bound_are_counted_and_told() {
        let (bus, mut ends) = LocalBus::new();
        for _ in 0..EVENTS_WAITING_MAX + 3 {
            bus.tell(opened("r"));
        }
        for _ in 0..2 {
            assert_eq!(ends.events.recv().await, Some(opened("r")));
        }
        bus.tell(opened("last"));
        let mut seen = Vec::new();
        while let Ok(event) = ends.events.try_recv() {
            seen.push(event);
        }
        assert_eq!(seen[seen.len() - 2..], [Event::Dropped { events: 3 }, opened("last")]);
    }

    #[tokio::test]
    async fn a_revocation_is_told_when_other_events_are_dropped() {
        let (bus, mut ends) = LocalBus::new();
        let revoked = Event::Revoked {
            revocation: Revocation {
                app: AppId(1),
                target: Target::User("anna".into()),
                generation: 1,
                at_s: 1,
                ban: true,
                ends_s: None,
                reason: None,
            },
            by: "host".into(),
        };
        for _ in 0..=EVENTS_WAITING_MAX {
            bus.tell(opened("r"));
        }
        bus.tell(revoked.clone());
        let mut last = None;
        while let Ok(event) = ends.events.try_recv() {
            last = Some(event);
        }
        assert_eq!(last, Some(revoked));
    }
}
