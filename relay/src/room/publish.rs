//! Streams begin, are found and end.

use std::sync::Arc;

use stagedoor_token::{Action, Decision, Grants, Pattern, Rule, authorize};
use stagedoor_wire::{
    member::{Delivery, Kind, StreamInfo},
    name::StreamName,
};

use super::{
    core::Room,
    inbox::{Inbox, Letter, News},
    streams::share_bytes,
    views::Dues,
};
use crate::log::stream::{Ended, Stream, Wish};

/// Why a stream could not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishError {
    /// Another member publishes a stream with that name.
    Exists,
    /// `streams_per_room_max`.
    Full,
    /// The member's seat is gone.
    Gone,
    /// The grants do not allow it, or no longer do.
    Denied(Rule),
}

/// A member's request to publish.
#[derive(Debug)]
pub(crate) struct Publishing {
    pub(crate) name: StreamName,
    pub(crate) kind: Kind,
    pub(crate) delivery: Delivery,
    pub(crate) meta: Option<String>,
    pub(crate) wish: Wish,
    /// How many live streams the member has.
    pub(crate) live: u32,
}

impl Room {
    /// Begins a stream. The same user's stream with that name ends.
    pub(crate) fn publish(
        &self,
        user: &str,
        seat: u64,
        publishing: Publishing,
        epoch: u32,
    ) -> Result<Arc<Stream>, PublishError> {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        let occupant = inner.roster.seat(user, seat).ok_or(PublishError::Gone)?;
        may_publish(&occupant.grants, &publishing).map_err(PublishError::Denied)?;
        let role = occupant.member.role.clone();
        let there = inner.streams.named(&publishing.name);
        if let Some((number, owner)) =
            there.map(|live| (live.stream.info.stream, &live.stream.info.user))
        {
            if owner != user {
                return Err(PublishError::Exists);
            }
            inner.end_stream(number, Ended::Replaced, now_ms);
        }
        if inner.streams.len() >= self.limits.streams_per_room_max {
            return Err(PublishError::Full);
        }
        let number = inner.streams.next_number();
        let Publishing { name, kind, delivery, meta, wish, live: _ } = publishing;
        let info =
            StreamInfo { stream: number, name, user: user.into(), role, kind, delivery, meta };
        let bytes_max = share_bytes(&self.limits, inner.streams.len() + 1);
        let stream = Arc::new(Stream::new(info, wish, epoch, &self.limits, bytes_max));
        inner.streams.insert(stream.clone(), seat);
        inner.streams.share_memory(&self.limits, now_ms);
        inner.introduce(user, now_ms);
        inner.events.emit_published(&stream, now_ms);
        let (dues, bytes_max) = (inner.dues(), self.limits.outbox_bytes_max);
        inner.interests.each(&stream.info.name, |inbox| {
            inbox.put(Letter::new(dues.clone(), News::Found(stream.clone())), bytes_max);
        });
        Ok(stream)
    }

    /// Ends one of the seat's streams. `false` if there is no such stream.
    pub(crate) fn unpublish(&self, name: &StreamName, seat: u64) -> bool {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        let own = inner.streams.named(name).filter(|live| live.seat == seat);
        let own = own.map(|live| live.stream.info.stream);
        if let Some(number) = own {
            inner.end_stream(number, Ended::Unpublished, now_ms);
            inner.streams.share_memory(&self.limits, now_ms);
        }
        own.is_some()
    }

    /// Records a seat's patterns, and returns the live streams that match, and how far the room's events have
    /// introduced their publishers.
    pub(crate) fn subscribe(
        &self,
        seat: u64,
        inbox: &Arc<Inbox>,
        patterns: &[Pattern],
    ) -> (Vec<Arc<Stream>>, Dues) {
        let mut inner = self.lock();
        for pattern in patterns {
            inner.interests.add(pattern, seat, inbox);
        }
        (inner.streams.matching(patterns), inner.dues())
    }

    /// The live streams that match.
    pub(crate) fn matching(&self, patterns: &[Pattern]) -> Vec<Arc<Stream>> {
        self.lock().streams.matching(patterns)
    }

    /// Forgets a seat's patterns.
    pub(crate) fn unsubscribe(&self, seat: u64, patterns: &[Pattern]) {
        let mut inner = self.lock();
        for pattern in patterns {
            inner.interests.remove(pattern, seat);
        }
    }

    /// The live stream with this name.
    pub(crate) fn stream(&self, name: &str) -> Option<Arc<Stream>> {
        let name = StreamName::new(name).ok()?;
        self.lock().streams.named(&name).map(|live| live.stream.clone())
    }
}

fn may_publish(grants: &Grants, publishing: &Publishing) -> Result<(), Rule> {
    let kind = publishing.kind;
    let live = publishing.live;
    match authorize(grants, &Action::Publish { stream: &publishing.name, kind, live }) {
        Decision::Allowed => Ok(()),
        Decision::Refused(rule) => Err(rule),
    }
}
