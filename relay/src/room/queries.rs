//! Reads a room page by page: members, streams and figures. Changes nothing.

use std::sync::Arc;

use stagedoor_bus::command::{RoomDetail, RoomSummary, Seated};
use stagedoor_token::Grants;
use stagedoor_wire::member::Member;

use super::{core::Room, member::Occupant, overrides::Overrides};

impl Room {
    /// A user's seats, oldest first.
    pub(crate) fn seats(&self, user: &str) -> Vec<Arc<Occupant>> {
        self.lock().roster.seats(user).map(|entry| entry.occupant.clone()).collect()
    }

    /// One of a user's seats.
    pub(crate) fn sitting(&self, user: &str, seat: u64) -> Option<Arc<Occupant>> {
        self.lock().roster.seat(user, seat).cloned()
    }

    /// A user, represented by its newest seat.
    pub(crate) fn occupant(&self, user: &str) -> Option<Arc<Occupant>> {
        self.lock().roster.get(user).cloned()
    }

    /// A page of the members that a member with `grants` may see, the user to continue after, and the count.
    pub(crate) fn members(
        &self,
        grants: &Grants,
        after: Option<&str>,
    ) -> (u32, Vec<Member>, Option<String>) {
        let mut inner = self.lock();
        inner.events.is_listed();
        let max = (self.limits.members_page_max, self.limits.page_bytes_max);
        let (members, next) = inner.roster.page(grants, after, max);
        (inner.count(), members, next)
    }

    /// Every seat of everybody.
    pub(crate) fn occupants(&self) -> Vec<Arc<Occupant>> {
        self.lock().roster.every_seat().map(|entry| entry.occupant.clone()).collect()
    }

    /// The room's figures.
    pub(crate) fn summary(&self) -> RoomSummary {
        let inner = self.lock();
        RoomSummary {
            room: self.name.to_string(),
            members: inner.roster.len() as u32,
            streams: inner.streams.len() as u32,
            since_ms: self.since_ms,
        }
    }

    /// Everything, which the app's backend may see.
    pub(crate) fn detail(&self, after: Option<&str>, limit: usize) -> RoomDetail {
        let summary = self.summary();
        let inner = self.lock();
        let mut page = inner.roster.after(after).map(|occupant| Seated {
            member: occupant.member.clone(),
            jti: occupant.token.jti.to_string(),
            since_ms: occupant.since_ms,
            exp: occupant.token.exp,
            waiting: occupant.waiting,
            wants: inner
                .requests
                .get(&occupant.member.user)
                .and_then(|ask| ask.wants.as_ref().map(|wants| wants.role.to_string())),
            muted: inner
                .overrides
                .get(&occupant.member.user)
                .map(Overrides::muted)
                .unwrap_or_default(),
        });
        let members = page.by_ref().take(limit).collect();
        let more = page.next().is_some();
        let streams = inner.streams.infos();
        RoomDetail { summary, members, more, streams }
    }
}
