//! A member admits many with one request. Reported as if each had been admitted alone.

use stagedoor_bus::{Event as BusEvent, Text};
use stagedoor_token::{Action, Verb};
use stagedoor_wire::{
    reply::{Admitted, Refusal},
    request::Moderate,
};

use super::{admission::admit, requester::Requester};

impl Requester {
    /// Admits a list of users, or all whom the member may admit. Users on the list who do not wait, or whom it may not
    /// know of, are skipped.
    pub(super) fn admit_many(&mut self, moderate: &Moderate) -> Result<Admitted, Box<Refusal>> {
        self.allow(&Action::Moderate { verb: Verb::Admit, target_rank: None })?;
        let (room, me) = (self.seat.room(), self.seat.me());
        let admission = admit(&self.shared, room, moderate.users.as_deref(), Some(me));
        for member in &admission.admitted {
            self.shared.bus.emit(BusEvent::Moderated {
                app: room.app_life(),
                room: room.name.clone(),
                by: me.user.clone(),
                peer: me.peer.clone(),
                verb: Verb::Admit.as_str().into(),
                user: Text::user(member.user.clone()),
                code: "ok".into(),
            });
        }
        Ok(Admitted {
            admitted: admission.admitted.len() as u32,
            waiting: admission.waiting as u32,
        })
    }
}
