//! The room itself: its registries under one lock, and the steps that involve several of them. The files above hold the
//! lock only for a moment; frames never need it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stagedoor_bus::{AppLife, Bus, Clock};
use stagedoor_token::{AppId, Grants};
use stagedoor_wire::limits::Limits;
use tokio::time::Instant;

use super::{
    events::Events, interests::Interests, member::Occupant, overrides::OverridesByUser,
    requests::Requests, roster::Roster, state::State, streams::Streams, trail::Trail, views::Dues,
};
use crate::log::stream::Ended;

/// A room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) app: AppId,
    pub(crate) name: Arc<str>,
    pub(super) since_ms: u64,
    pub(super) clock: Clock,
    pub(super) limits: Arc<Limits>,
    pub(super) trail: Trail,
    inner: Mutex<Inner>,
}

/// What the lock protects.
#[derive(Debug)]
pub(super) struct Inner {
    /// Whether it ever had a member.
    pub(super) opened: bool,
    pub(super) closed: bool,
    pub(super) roster: Roster,
    pub(super) events: Events,
    pub(super) interests: Interests,
    pub(super) streams: Streams,
    pub(super) overrides: OverridesByUser,
    pub(super) requests: Requests,
    pub(super) state: State,
    pub(super) limits: Arc<Limits>,
}

impl Room {
    /// A room without members; `overrides` are those of an earlier room with its name.
    pub(crate) fn new(
        app: AppLife,
        name: Arc<str>,
        clock: Clock,
        limits: Arc<Limits>,
        overrides: OverridesByUser,
        bus: Arc<dyn Bus>,
    ) -> Arc<Self> {
        let since_ms = clock.unix_ms();
        let inner = Mutex::new(Inner {
            opened: false,
            closed: false,
            roster: Roster::default(),
            events: Events::new(limits.clone()),
            interests: Interests::default(),
            streams: Streams::default(),
            overrides,
            requests: Requests::default(),
            state: State::default(),
            limits: limits.clone(),
        });
        let trail = Trail { app, room: name.clone(), bus };
        Arc::new(Self { app: app.id, name, since_ms, clock, limits, trail, inner })
    }

    /// The room's app.
    pub(crate) fn app_life(&self) -> AppLife {
        self.trail.app
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces joins and leaves now, if the last announcement was long enough ago, and the rest later.
    pub(super) fn say_presence(self: &Arc<Self>, inner: &mut Inner, now_ms: u64) {
        let count = inner.count();
        if let Some(due) = inner.events.say_presence(count, now_ms) {
            self.say_presence_at(due);
        }
    }

    fn say_presence_at(self: &Arc<Self>, due: Instant) {
        let room = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep_until(due).await;
            if let Some(room) = room.upgrade() {
                let mut inner = room.lock();
                let count = inner.count();
                if let Some(due) = inner.events.say_scheduled(count, room.clock.now_ms()) {
                    room.say_presence_at(due);
                }
            }
        });
    }

    /// Its views, for tests of what remains.
    #[cfg(test)]
    pub(crate) fn views(&self) -> Vec<std::sync::Weak<super::views::View>> {
        self.lock().events.views()
    }

    /// A user's mailbox, for tests of what remains.
    #[cfg(test)]
    pub(crate) fn mailbox(&self, user: &str) -> Option<Arc<crate::log::mailbox::Mailbox>> {
        self.lock().roster.seats(user).last().map(|entry| entry.inbox.mailbox().clone())
    }
}

impl Inner {
    /// How many members others may see.
    pub(super) fn count(&self) -> u32 {
        self.roster.visible_len() as u32
    }

    /// The positions of all views.
    pub(super) fn dues(&self) -> Dues {
        self.events.dues()
    }

    /// Announces a user's join, if that is pending, before the user does anything.
    pub(super) fn introduce(&mut self, user: &str, now_ms: u64) {
        let count = self.count();
        self.events.introduce(user, count, now_ms);
    }

    /// A user's primary seat may differ from `before`, or may have come or gone.
    pub(super) fn show(&mut self, before: Option<&Arc<Occupant>>, user: &str, now_ms: u64) {
        let (after, count) = (self.roster.get(user), self.roster.visible_len() as u32);
        self.events.show(before, after, count, now_ms);
    }

    /// Whether the role with these grants has reached its maximum of members.
    pub(super) fn is_full(&self, grants: &Grants) -> bool {
        let max = grants.caps.members_max;
        max.is_some_and(|max| self.roster.count_of(&grants.role) >= max.get() as usize)
    }

    /// Ends a stream, and announces it.
    pub(super) fn end_stream(&mut self, number: u32, why: Ended, now_ms: u64) {
        if let Some(stream) = self.streams.end(number, why) {
            self.events.emit_unpublished(&stream, why, now_ms);
        }
    }
}
