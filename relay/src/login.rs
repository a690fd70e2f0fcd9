//! A login: the door asked, the seat taken, both told to the bus. After `session`, before `door`. Both ways
//! in, the request head and the first message, come through here.

use std::{net::SocketAddr, sync::Arc};

use serde_json::value::RawValue;
use stagedoor_bus::Event as Told;
use stagedoor_token::{AppId, Roles};
use stagedoor_wire::{member::Cursor, reply::LoggedIn};

use crate::{
    door::{Admission, Denied, Presented, Proven, door, is_alive},
    mail::Mailbox,
    room::{Act, RegrantError},
    seat::Seat,
    shared::Shared,
};

/// An answer to a `login`, and the seat.
pub(crate) type Seated = (Seat, LoggedIn<Box<RawValue>>);

/// Whether what the door decided still holds now that the seat is there for everybody to act on: what was
/// revoked or changed in between did not find it.
pub(crate) fn is_still_good(
    shared: &Shared,
    seat: &Seat,
    roles: &Arc<Roles>,
) -> Result<(), Denied> {
    let Some(me) = seat.room.occupant(&seat.me.member.user) else { return Ok(()) };
    let bearer = me.pass.bearer(seat.room.app, &seat.room.name, &me.member.user);
    is_alive(&shared.bus.revocations(), &bearer, shared.clock.unix_s())?;
    if !Arc::ptr_eq(roles, &shared.roles(seat.room.app)) {
        match seat.regrant(&Act::Roles) {
            Err(RegrantError::Refused(refusal)) => return Err(Denied::Token(refusal)),
            Err(RegrantError::RoleFull) => return Err(Denied::RoleFull),
            Ok(_) | Err(RegrantError::Changed) => {}
        }
    }
    Ok(())
}

/// Asks the door, tells the bus, and takes the seat.
pub(crate) fn log_in(
    shared: &Arc<Shared>,
    mailbox: &Arc<Mailbox>,
    peer: SocketAddr,
    presented: Presented<'_>,
    resume: Option<Cursor>,
) -> Result<Seated, Denied> {
    let directory = shared.bus.directory();
    let admission = door(presented, &directory, &shared.bus.revocations(), shared.clock.unix_s());
    let seated = admission.and_then(|admission: Admission| {
        let roles = admission.roles.clone();
        let seated = Seat::take(shared, admission, mailbox, resume)?;
        is_still_good(shared, &seated.0, &roles)?;
        let span = tracing::Span::current();
        span.record("app", seated.0.room.app.0).record("room", &*seated.0.room.name);
        span.record("user", &*seated.0.me.member.user);
        tracing::debug!("seated");
        shared.bus.tell(Told::Seated {
            app: seated.0.room.app,
            room: seated.0.room.name.clone(),
            user: seated.0.me.member.user.clone(),
            role: seated.0.me.member.role.clone(),
            jti: seated.0.me.pass.jti.clone(),
            peer: peer.to_string(),
        });
        Ok(seated)
    });
    seated.inspect_err(|denied| {
        shared.metrics.logins_refused.one(denied.code());
        tracing::debug!(code = denied.code(), "login refused");
        let Proven { app, room, user, jti } = Proven::of(presented.token, *denied);
        shared.bus.tell(Told::Refused {
            code: denied.code().into(),
            app: app.map(AppId),
            room,
            user,
            jti,
            peer: peer.to_string(),
        });
    })
}
