//! A member's place in a room: its cursors, its subscriptions, its own streams. Leaving is its `Drop`.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use stagedoor_token::{AppId, Grants, Pattern};
use stagedoor_wire::{
    close::Close,
    member::{self, Subscribed},
    name::StreamName,
};

use super::{
    cursors::Cursors, list_pages::ListPages, own_streams::OwnStreams, subscriptions::Subscriptions,
};
use crate::{
    log::stream::Stream,
    room::{
        ChangeError, EventsCursor, GrantChange, Inbox, Occupant, PublishError, Publishing, Room,
        may_subscribe,
    },
    shared::Shared,
};

/// The seat. Field order matters: what every turn needs lies together.
#[repr(C)]
pub(crate) struct Seat {
    /// Cursors with more to read, in turn.
    pub(super) ready: VecDeque<u32>,
    /// The parts of long lists not yet sent; usually empty.
    pub(super) pages: Option<Box<ListPages>>,
    pub(super) cursors: Cursors,
    pub(super) shared: Arc<Shared>,
    pub(super) events: EventsCursor,
    pub(super) room: Arc<Room>,
    pub(super) id: u64,
    pub(super) me: Arc<Occupant>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) subscriptions: Subscriptions,
    pub(super) own: OwnStreams,
    pub(super) app: AppId,
    /// Why the seat is given up, once known.
    pub(super) reason: &'static str,
}

impl Seat {
    /// The room.
    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Its number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The member.
    pub(crate) fn me(&self) -> &Arc<Occupant> {
        &self.me
    }

    /// What the member may do.
    pub(crate) fn grants(&self) -> &Arc<Grants> {
        &self.me.grants
    }

    /// Sets why the seat will be given up.
    pub(crate) fn ends_for(&mut self, reason: &'static str) {
        self.reason = reason;
    }

    /// Changes the grants of the member itself, with the app's present roles.
    pub(crate) fn change_grants(&self, change: &GrantChange) -> Result<Arc<Occupant>, ChangeError> {
        self.shared.change_grants_of(&self.room, &self.me.member.user, self.id, change)
    }

    /// Begins a stream.
    pub(crate) fn publish(&mut self, publishing: Publishing) -> Result<Arc<Stream>, PublishError> {
        let (user, epoch) = (&self.me.member.user, self.shared.epoch());
        let stream = self.room.publish(user, self.id, publishing, epoch)?;
        self.own.add(stream.clone());
        Ok(stream)
    }

    /// Ends one of the member's streams at its own request: later frames of it are the member's fault.
    pub(crate) fn unpublish(&mut self, name: &StreamName) -> bool {
        let done = self.room.unpublish(name, self.id);
        if done {
            self.own.forget(name);
        }
        done
    }

    /// The member's own stream with this number, even if it has ended.
    #[inline]
    pub(crate) fn own(&self, number: u32) -> Option<&Arc<Stream>> {
        self.own.get(number)
    }

    /// The numbers of the member's own streams.
    #[cfg(feature = "bench")]
    pub(crate) fn own_numbers(&self) -> Vec<u32> {
        self.own.numbers()
    }

    /// The number of the member's live streams.
    pub(crate) fn live(&self) -> u32 {
        self.own.live()
    }

    /// Begins to read a stream, if a subscription matches it and the grants allow it.
    pub(super) fn attach(
        &mut self,
        stream: Arc<Stream>,
        resume: Option<member::Cursor>,
    ) -> Option<Subscribed> {
        let wanted = self.subscriptions.has(&stream.info.name);
        let own = stream.info.user == self.me.member.user;
        if own || !wanted || !may_subscribe(&self.me.grants, &stream) {
            return None;
        }
        self.cursors.begin(stream, self.inbox.mailbox(), resume)
    }

    /// Reads the room's events before number `end`, whatever changes meanwhile.
    pub(super) fn read_before(&mut self, end: u64, out: impl FnMut(Bytes)) -> Result<(), Close> {
        let due = end.saturating_sub(self.events.seq());
        if due > 0 {
            if !self.events.read_out(end, out) {
                return Err(Close::Slow);
            }
            self.shared.metrics.frames_out.add(due);
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let patterns: Vec<Pattern> = self.subscriptions.iter().cloned().collect();
        if self.room.leave(&self.me.member.user, self.id, &patterns, self.reason) {
            self.shared.forget(&self.room);
        }
        self.shared.rooms.give_seat(self.app);
    }
}
