//! What a room reports to the server for the audit trail. It reports under its lock, so in the order in which
//! things happened: opened, each seat's coming and going, closed.

use std::{fmt, sync::Arc};

use stagedoor_bus::{AppLife, Bus, Event};

use super::member::Occupant;

/// What a room reports of itself to the server, which records it.
pub(super) struct Trail {
    pub(super) app: AppLife,
    pub(super) room: Arc<str>,
    pub(super) bus: Arc<dyn Bus>,
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").field("app", &self.app).field("room", &self.room).finish()
    }
}

impl Trail {
    /// The room's first member comes.
    pub(super) fn opened(&self) {
        self.bus.tell(Event::RoomOpened { app: self.app, room: self.room.clone() });
    }

    /// A member has its seat.
    pub(super) fn seated(&self, member: &Occupant) {
        self.bus.tell(Event::Seated {
            app: self.app,
            room: self.room.clone(),
            user: member.user.clone(),
            role: member.grants.role.text(),
            jti: member.token.jti.clone(),
            peer: member.peer.clone(),
        });
    }

    /// A member's seat is given up, now on the monotonic clock: the calendar may have jumped meanwhile.
    pub(super) fn left(&self, member: &Occupant, reason: &'static str, now_ms: u64) {
        self.bus.tell(Event::Left {
            app: self.app,
            room: self.room.clone(),
            user: member.user.clone(),
            jti: member.token.jti.clone(),
            reason: reason.into(),
            peer: member.peer.clone(),
            held_ms: now_ms.saturating_sub(member.began_ms),
        });
    }

    /// What a member did, where it has to come before what follows of it.
    pub(super) fn act(&self, act: Event) {
        self.bus.tell(act);
    }

    /// The room's last member left.
    pub(super) fn closed(&self) {
        self.bus.tell(Event::RoomClosed { app: self.app, room: self.room.clone() });
    }
}
