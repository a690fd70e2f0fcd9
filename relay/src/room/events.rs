//! The room's events to its members: its views, and batched joins and leaves. Each view introduces a member before
//! anything the member does.

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
    /// When joins and leaves were last announced.
    said_at: Option<Instant>,
    /// Whether a task is scheduled to announce the rest.
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

    /// A cursor for a new member; `epoch` is for a new view. The second result says whether reading continues exactly
    /// where `resume` says.
    pub(super) fn enter(
        &mut self,
        me: &Occupant,
        mailbox: &Arc<Mailbox>,
        resume: Option<member::Cursor>,
        epoch: u32,
        now_ms: u64,
    ) -> (EventsCursor, bool) {
        let view = self.views.enter(me, epoch, &self.limits, now_ms);
        views::join(view, mailbox, resume, now_ms)
    }

    /// A member's cursor when its grants change: where the old view ends for it, and its cursor on the new one; `None`
    /// if they are the same.
    pub(super) fn switch(
        &mut self,
        old: &Occupant,
        new: &Occupant,
        mailbox: &Arc<Mailbox>,
        epoch: u32,
        now_ms: u64,
    ) -> Option<(u64, EventsCursor)> {
        let (end, view) = self.views.switch(old, new, epoch, &self.limits, now_ms)?;
        Some((end, views::join(view, mailbox, None, now_ms).0))
    }

    /// A member left its view.
    pub(super) fn leave(&mut self, member: &Occupant, now_ms: u64) {
        self.views.leave(member, now_ms);
    }

    /// The positions of all views.
    pub(super) fn dues(&self) -> Dues {
        self.views.dues()
    }

    /// Somebody reads a list of members.
    pub(super) fn is_listed(&mut self) {
        self.presence.is_listed();
    }

    /// Whether a join may be announced at once: none is pending, and the last was long ago.
    pub(super) fn is_quiet(&self) -> bool {
        self.presence.is_empty()
            && !self.scheduled
            && self.said_at.is_none_or(|said| said.elapsed() >= self.interval())
    }

    /// Announces a single join.
    pub(super) fn emit_join(&mut self, joined: Change, count: u32, now_ms: u64) {
        self.views.emit_presence(&[], &[joined], count, now_ms);
        self.said_at = Some(Instant::now());
    }

    /// A user's primary seat changed, came or left: announced to those who may know, now or with the next batch.
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

    /// Announces a user's join, if that is pending, before the user does anything. The oldest pending ones go with it,
    /// so that many who act at once cause few messages.
    pub(super) fn introduce(&mut self, user: &str, count: u32, now_ms: u64) {
        if self.presence.waits_for(user) {
            self.emit_batch(Some(user), count, now_ms);
        }
    }

    /// Announces some of the pending joins and leaves, those of `first` before all others.
    fn emit_batch(&mut self, first: Option<&str>, count: u32, now_ms: u64) {
        let max = BatchMax {
            members: self.limits.presence_batch_members_max.max(1),
            bytes: self.limits.page_bytes_max,
        };
        let Batch { left, joined, .. } = self.presence.take(first, max);
        self.views.emit_presence(&left, &joined, count, now_ms);
        self.said_at = Some(Instant::now());
    }

    /// Announces pending joins and leaves if the last announcement was long enough ago. Returns when to call
    /// [`Events::say_scheduled`] for the rest.
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

    /// The same, at the time that it returned before.
    pub(super) fn say_scheduled(&mut self, count: u32, now_ms: u64) -> Option<Instant> {
        self.scheduled = false;
        self.say_presence(count, now_ms)
    }

    /// Adds an event to every view; `None` skips a view.
    pub(super) fn emit(
        &self,
        now_ms: u64,
        event: impl Fn(&Grants, u64) -> Option<Event<Box<RawValue>>>,
    ) {
        self.views.emit(now_ms, event);
    }

    /// Announces a new stream to those who may subscribe to it.
    pub(super) fn emit_published(&self, stream: &Stream, now_ms: u64) {
        self.views.emit_published(stream, now_ms);
    }

    /// Announces the end of a stream to those who could subscribe to it.
    pub(super) fn emit_unpublished(&self, stream: &Stream, reason: Ended, now_ms: u64) {
        self.views.emit_unpublished(stream, reason, now_ms);
    }

    /// Its views, for tests of what remains.
    #[cfg(test)]
    pub(super) fn views(&self) -> Vec<std::sync::Weak<views::View>> {
        self.views.all().map(Arc::downgrade).collect()
    }
}
