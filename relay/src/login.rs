//! A login: the door asked, the seat taken, both told to the bus. After `session`, before `door`. All ways in,
//! the request head and the first message, with a token or a ticket, come through here.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
};

use serde_json::value::RawValue;
use stagedoor_bus::{Event as Told, Target};
use stagedoor_token::{AppId, Claims, Roles};
use stagedoor_wire::{member::Cursor, reply::LoggedIn};

use crate::{
    addresses,
    door::{Admission, Denied, Presented, Proven, bearer_of, door, door_again, is_alive},
    mail::Mailbox,
    room::{Act, RegrantError},
    seat::Seat,
    shared::{Shared, of_token},
    tickets::Ticket,
};

/// An answer to a `login`, and the seat.
pub(crate) type Seated = (Seat, LoggedIn<Box<RawValue>>);

/// Who wants in.
#[derive(Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// Where from.
    pub(crate) peer: SocketAddr,
    /// What it brings; with `by_ticket` a ticket in the token's place.
    pub(crate) presented: Presented<'a>,
    pub(crate) by_ticket: bool,
    /// Where it stopped reading the room's events.
    pub(crate) resume: Option<Cursor>,
}

/// Asks the door, takes the seat, and tells the bus.
pub(crate) fn log_in(
    shared: &Arc<Shared>,
    mailbox: &Arc<Mailbox>,
    arrival: Arrival<'_>,
) -> Result<Seated, Denied> {
    ask_the_door(shared, arrival)
        .and_then(|admission| take_seat(shared, mailbox, arrival, admission))
        .inspect_err(|denied| refused(shared, arrival, *denied))
}

fn ask_the_door(shared: &Shared, arrival: Arrival<'_>) -> Result<Admission, Denied> {
    let Arrival { presented, by_ticket, .. } = arrival;
    let (directory, revocations) = (shared.bus.directory(), shared.bus.revocations());
    let now_s = shared.clock.unix_s();
    if by_ticket {
        let ticket = shared.tickets.find(presented.token).ok_or(Denied::Ticket)?;
        door_again(presented, ticket, &directory, &revocations, now_s)
    } else {
        door(presented, &directory, &revocations, now_s)
    }
}

fn take_seat(
    shared: &Arc<Shared>,
    mailbox: &Arc<Mailbox>,
    arrival: Arrival<'_>,
    admission: Admission,
) -> Result<Seated, Denied> {
    let roles = admission.roles.clone();
    let once = admission
        .claims
        .once
        .then(|| Ticket { claims: admission.claims.clone(), kid: admission.kid.clone() });
    if let Some(once) = &once {
        let ticket = arrival.by_ticket.then_some(arrival.presented.token);
        use_up(shared, ticket, &once.claims, &once.kid)?;
    }
    let taken = Seat::take(shared, admission, mailbox, arrival.resume);
    let (mut seat, mut answer) = taken.inspect_err(|_| {
        if let Some(once) = &once {
            give_back(shared, arrival, once);
        }
    })?;
    told(shared, arrival, &seat);
    is_still_good(shared, &seat, &roles, once.is_some())
        .inspect_err(|denied| seat.reason = denied.close().reason())?;
    if let Some(once) = once {
        let now_s = shared.clock.unix_s();
        if !arrival.by_ticket {
            let revocation = of_token(once.claims.app, &once.claims.jti, now_s, "once");
            shared.bus.tell(Told::Revoked { revocation, by: "once".into() });
        }
        answer.ticket = shared.tickets.give(once, || shared.clock.settled_s());
    }
    Ok((seat, answer))
}

/// Uses a token up that logs in once, or its ticket.
pub(crate) fn use_up(
    shared: &Shared,
    ticket: Option<&str>,
    claims: &Claims,
    kid: &str,
) -> Result<(), Denied> {
    if let Some(ticket) = ticket {
        let taken = shared.tickets.take(ticket);
        return if taken { Ok(()) } else { Err(Denied::Ticket) };
    }
    let _one_at_a_time = shared.once.lock().unwrap_or_else(PoisonError::into_inner);
    let now_s = shared.clock.unix_s();
    is_alive(&shared.bus.revocations(), &bearer_of(claims, kid), now_s)?;
    shared.bus.revoke(&of_token(claims.app, &claims.jti, now_s, "once"));
    Ok(())
}

/// Gives back what was used up for nothing.
fn give_back(shared: &Shared, arrival: Arrival<'_>, once: &Ticket) {
    if arrival.by_ticket {
        shared.tickets.put_back(arrival.presented.token, once.clone());
    } else {
        let target = Target::Jti(once.claims.jti.clone());
        shared.bus.lift(once.claims.app, &target, &[]);
    }
}

fn told(shared: &Shared, arrival: Arrival<'_>, seat: &Seat) {
    let span = tracing::Span::current();
    span.record("app", seat.room.app.0).record("room", &*seat.room.name);
    span.record("user", &*seat.me.member.user);
    tracing::debug!("seated");
    shared.bus.tell(Told::Seated {
        app: seat.room.app,
        room: seat.room.name.clone(),
        user: seat.user.clone(),
        role: seat.me.grants.role.text(),
        jti: seat.me.pass.jti.clone(),
        peer: addresses::text(arrival.peer),
    });
}

fn refused(shared: &Shared, arrival: Arrival<'_>, denied: Denied) {
    shared.metrics.logins_refused.one(denied.code());
    tracing::debug!(code = denied.code(), "login refused");
    let proven = if arrival.by_ticket {
        Proven::default()
    } else {
        Proven::of(arrival.presented.token, denied)
    };
    let Proven { app, room, user, jti } = proven;
    shared.bus.tell(Told::Refused {
        code: denied.code().into(),
        app: app.map(AppId),
        room: room.map(Into::into),
        user: user.map(Into::into),
        jti: jti.map(Into::into),
        peer: addresses::text(arrival.peer),
    });
}

/// Whether what the door decided still holds now that the seat is there for everybody to act on: what was
/// revoked or changed in between did not find it. A token that logs in once is revoked by that.
pub(crate) fn is_still_good(
    shared: &Shared,
    seat: &Seat,
    roles: &Arc<Roles>,
    once: bool,
) -> Result<(), Denied> {
    let Some(me) = seat.room.sitting(&seat.me.member.user, seat.id) else { return Ok(()) };
    let mut bearer = me.pass.bearer(seat.room.app, &seat.room.name, &me.member.user);
    if once {
        bearer.jti = "";
    }
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
