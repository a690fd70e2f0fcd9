//! A room's reports to the server for the audit trail. Made under the room's lock, and so in the order of events:
//! opened, each seat's beginning and end, closed.

use std::{fmt, sync::Arc};

use stagedoor_bus::{AppLife, Bus, Event};

use super::member::Occupant;

/// A room's reports to the server, which records them.
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
    /// The room's first member entered.
    pub(super) fn opened(&self) {
        self.bus.emit(Event::RoomOpened { app: self.app, room: self.room.clone() });
    }

    /// A member got its seat.
    pub(super) fn seated(&self, member: &Occupant) {
        self.bus.emit(Event::Seated {
            app: self.app,
            room: self.room.clone(),
            user: member.user.clone(),
            role: member.grants.role.text(),
            jti: member.token.jti.clone(),
            peer: member.peer.clone(),
        });
    }

    /// A member's seat ended; the duration is monotonic, because the wall clock may have jumped.
    pub(super) fn left(&self, member: &Occupant, reason: &'static str, now_ms: u64) {
        self.bus.emit(Event::Left {
            app: self.app,
            room: self.room.clone(),
            user: member.user.clone(),
            jti: member.token.jti.clone(),
            reason: reason.into(),
            peer: member.peer.clone(),
            held_ms: now_ms.saturating_sub(member.began_ms),
        });
    }

    /// A member's act, if its report must precede those of its consequences.
    pub(super) fn act(&self, act: Event) {
        self.bus.emit(act);
    }

    /// The room's last member left.
    pub(super) fn closed(&self) {
        self.bus.emit(Event::RoomClosed { app: self.app, room: self.room.clone() });
    }
}
