//! What a room says to its members: its views, and the joins and leaves that wait to be said in batches. A member
//! is introduced in every view before anything that it does.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use stagedoor_token::Grants;
use stagedoor_wire::{event::Event, limits::Limits, member};
use tokio::time::Instant;

use super::{
    member::Occupant,
    presence::{Batch, BatchMax, Change, Presence},
    views::{self, Dues, EventsCursor, Views},
};
use crate::log::{
    mailbox::Mailbox,
    stream::{Ended, Stream},
};

/// The events of a room.
#[derive(Debug)]
pub(super) struct Events {
    views: Views,
    presence: Presence,
    /// When joins and leaves were said last.
    said_at: Option<Instant>,
    /// Whether a task will say what waits.
    scheduled: bool,
    limits: Arc<Limits>,
}

impl Events {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self {
            views: Views::default(),
            presence: Presence::default(),
            said_at: None,
            scheduled: false,
            limits,
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.limits.presence_batch_interval_ms)
    }

    /// A cursor for a member that comes; `epoch` is for a new view. The second part says whether reading goes on
    /// exactly where `resume` says.
    pub(super) fn enter(
        &mut self,
        me: &Occupant,
        mailbox: &Arc<Mailbox>,
        resume: Option<member::Cursor>,
        epoch: u32,
        now_ms: u64,
    ) -> (EventsCursor, bool) {
        let view = self.views.enter(me, epoch, &self.limits, now_ms);
        views::join(view, mailbox, resume)
    }

    /// A member's cursor when its grants change: where the old view ends for it, and the cursor on the new one;
    /// none when both are the same.
    pub(super) fn switch(
        &mut self,
        old: &Occupant,
        new: &Occupant,
        mailbox: &Arc<Mailbox>,
        epoch: u32,
        now_ms: u64,
    ) -> Option<(u64, EventsCursor)> {
        let (end, view) = self.views.switch(old, new, epoch, &self.limits, now_ms)?;
        Some((end, views::join(view, mailbox, None).0))
    }

    /// A member left its view.
    pub(super) fn leave(&mut self, member: &Occupant, now_ms: u64) {
        self.views.leave(member, now_ms);
    }

    /// How far all views have come.
    pub(super) fn dues(&self) -> Dues {
        self.views.dues()
    }

    /// Somebody reads a list of members.
    pub(super) fn is_listed(&mut self) {
        self.presence.is_listed();
    }

    /// Whether a join may be said at once: none waits, and the last was said long ago.
    pub(super) fn is_quiet(&self) -> bool {
        self.presence.is_empty()
            && !self.scheduled
            && self.said_at.is_none_or(|said| said.elapsed() >= self.interval())
    }

    /// Says a join alone.
    pub(super) fn emit_join(&mut self, joined: Change, count: u32, now_ms: u64) {
        self.views.emit_presence(&[], &[joined], count, now_ms);
        self.said_at = Some(Instant::now());
    }

    /// A user's primary seat changed, came or left: those that may know learn of it, now or with the next batch.
    pub(super) fn show(
        &mut self,
        before: Option<&Arc<Occupant>>,
        after: Option<&Arc<Occupant>>,
        count: u32,
        now_ms: u64,
    ) {
        match (before.map(Change::of), after.map(Change::of)) {
            (None, Some(after)) => self.presence.joined(after),
            (Some(before), None) => self.presence.left(before),
            (Some(before), Some(after)) => {
                if !self.presence.changed(&after) {
                    self.views.emit_changed(&before, &after, count, now_ms);
                }
            }
            (None, None) => {}
        }
    }

    /// Sees to it that a user's join was said before what it does. Those that waited longest are said with it, so
    /// that many who act at once are few messages.
    pub(super) fn introduce(&mut self, user: &str, count: u32, now_ms: u64) {
        if self.presence.waits_for(user) {
            self.emit_batch(Some(user), count, now_ms);
        }
    }

    /// Says some of the joins and leaves that wait, those of `first` before all others.
    fn emit_batch(&mut self, first: Option<&str>, count: u32, now_ms: u64) {
        let max = BatchMax {
            members: self.limits.presence_batch_members_max.max(1),
            bytes: self.limits.page_bytes_max,
        };
        let Batch { left, joined, .. } = self.presence.take(first, max);
        self.views.emit_presence(&left, &joined, count, now_ms);
        self.said_at = Some(Instant::now());
    }

    /// Says the joins and leaves that wait if the last were said long enough ago. Returns when to call
    /// [`Events::say_scheduled`] for what is left over.
    pub(super) fn say_presence(&mut self, count: u32, now_ms: u64) -> Option<Instant> {
        if self.scheduled || self.presence.is_empty() {
            return None;
        }
        let (now, interval) = (Instant::now(), self.interval());
        if self.said_at.is_none_or(|said| said + interval <= now) {
            self.emit_batch(None, count, now_ms);
        }
        if self.presence.is_empty() {
            return None;
        }
        self.scheduled = true;
        Some(self.said_at.map_or(now, |said| said + interval))
    }

    /// The same, when the time has come that it returned before.
    pub(super) fn say_scheduled(&mut self, count: u32, now_ms: u64) -> Option<Instant> {
        self.scheduled = false;
        self.say_presence(count, now_ms)
    }

    /// Says something in every view; `None` leaves a view out.
    pub(super) fn emit(
        &self,
        now_ms: u64,
        event: impl Fn(&Grants, u64) -> Option<Event<Box<RawValue>>>,
    ) {
        self.views.emit(now_ms, event);
    }

    /// Says that a stream began, where it may be subscribed to.
    pub(super) fn emit_published(&self, stream: &Stream, now_ms: u64) {
        self.views.emit_published(stream, now_ms);
    }

    /// Says that a stream ended, where it could be subscribed to.
    pub(super) fn emit_unpublished(&self, stream: &Stream, reason: Ended, now_ms: u64) {
        self.views.emit_unpublished(stream, reason, now_ms);
    }

    /// Its views, for tests of what stays.
    #[cfg(test)]
    pub(super) fn views(&self) -> Vec<std::sync::Weak<views::View>> {
        self.views.all().map(Arc::downgrade).collect()
    }
}
