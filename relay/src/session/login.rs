//! A login passes the door, gets a seat, and reports both to the bus. Every login comes through here: by request head
//! or first message, with a token or a ticket.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll, ready},
    time::Instant,
};

use serde_json::value::RawValue;
use stagedoor_bus::{Actor, AppLife, Attempt, Bearer, By, Event as BusEvent, Storing};
use stagedoor_token::{AppId, Claims, Roles};
use stagedoor_wire::{member::Cursor, reply::LoggedIn};

use super::seat::Seat;
use crate::{
    door::{Admission, Denied, Presented, Proven, Ticket, TooOften, door, door_again, is_alive},
    log::mailbox::Mailbox,
    net::addresses::Peer,
    room::{ChangeError, GrantChange, Room},
    shared::{Shared, of_token},
};

/// An answer to a `login`, and the seat.
pub(crate) type Seated = (Seat, LoggedIn<Box<RawValue>>);

/// A client that wants a seat.
#[derive(Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// Its address.
    pub(crate) peer: Peer,
    /// What it presents; with `by_ticket`, a ticket in place of the token.
    pub(crate) presented: Presented<'a>,
    pub(crate) by_ticket: bool,
    /// Where it stopped reading the room's events.
    pub(crate) resume: Option<Cursor>,
}

/// Why there is no seat, or none yet.
pub(crate) enum NotSeated {
    /// The login is refused.
    Denied(Refused),
    /// The use of its one-time token is being stored.
    Waits(Box<Waiting>),
}

/// A refusal that was reported, and the number that its client is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) denied: Denied,
    pub(crate) attempt: Option<Attempt>,
}

impl From<Denied> for Refused {
    /// One that was not reported.
    fn from(denied: Denied) -> Self {
        Self { denied, attempt: None }
    }
}

/// Passes the door, gets the seat, and reports to the bus.
pub(crate) fn log_in(
    shared: &Arc<Shared>,
    mailbox: &Arc<Mailbox>,
    arrival: Arrival<'_>,
) -> Result<Seated, NotSeated> {
    let Arrival { peer, presented, by_ticket, resume } = arrival;
    let token = (!by_ticket).then_some((presented.token, presented.app));
    if !by_ticket && let Err(denied) = may_try(shared, peer) {
        return Err(NotSeated::Denied(refused(shared, peer, None, denied)));
    }
    let let_in =
        ask_the_door(shared, arrival).and_then(|admission| not_too_often(shared, peer, admission));
    let taken = let_in.and_then(|admission| {
        if !admission.claims.once {
            return take_seat(shared, mailbox, peer, admission, resume).map(Ok);
        }
        if by_ticket {
            let ticket = presented.token;
            return by_a_ticket(shared, mailbox, peer, admission, resume, ticket).map(Ok);
        }
        let waiting = Waiting::begin(shared, mailbox, arrival, admission)?;
        Ok(Err(NotSeated::Waits(Box::new(waiting))))
    });
    taken.unwrap_or_else(|denied| Err(NotSeated::Denied(refused(shared, peer, token, denied))))
}

/// Whether a token of this address may be looked at. A ticket always may: no signature is verified for it.
fn may_try(shared: &Shared, peer: Peer) -> Result<(), Denied> {
    let waits = shared.login_rates.may_try(peer.ip(), Instant::now());
    waits.map_err(|wait| Denied::RateLimited {
        retry_ms: u32::try_from(wait.as_millis() + 1).unwrap_or(u32::MAX),
    })
}

fn not_too_often(shared: &Shared, peer: Peer, admission: Admission) -> Result<Admission, Denied> {
    let Claims { app, jti, .. } = &admission.claims;
    let counted = shared.login_rates.login(peer.ip(), *app, jti, Instant::now());
    counted.map(|()| admission).map_err(|TooOften| Denied::RateExceeded)
}

fn ask_the_door(shared: &Shared, arrival: Arrival<'_>) -> Result<Admission, Denied> {
    let Arrival { presented, by_ticket, .. } = arrival;
    let (directory, revocations) = (shared.bus.directory(), shared.bus.revocations());
    let now_s = shared.clock.unix_s();
    if by_ticket {
        let ticket = shared.tickets.find(presented.token).ok_or(Denied::Ticket)?;
        door_again(presented, ticket, &directory, &revocations, now_s)
    } else {
        shared.metrics.tokens_checked.add(1);
        let admission = door(presented, &directory, &revocations, now_s)?;
        shared.key_used(&directory, &admission.kid, admission.claims.iat);
        Ok(admission)
    }
}

fn take_seat(
    shared: &Arc<Shared>,
    mailbox: &Arc<Mailbox>,
    peer: Peer,
    admission: Admission,
    resume: Option<Cursor>,
) -> Result<Seated, Denied> {
    let (roles, once) = (admission.roles.clone(), admission.claims.once);
    let (mut seat, answer) = Seat::take(shared, admission, mailbox, peer.text(), resume)?;
    seated(&seat);
    is_still_good(shared, seat.room(), &seat.me().member.user, seat.id(), &roles, once)
        .inspect_err(|denied| seat.ends_for(denied.close().reason()))?;
    Ok((seat, answer))
}

fn by_a_ticket(
    shared: &Arc<Shared>,
    mailbox: &Arc<Mailbox>,
    peer: Peer,
    admission: Admission,
    resume: Option<Cursor>,
    ticket: &str,
) -> Result<Seated, Denied> {
    if !shared.tickets.take(ticket) {
        return Err(Denied::Ticket);
    }
    let stands_for = Ticket { claims: admission.claims.clone(), kid: admission.kid.clone() };
    let taken = take_seat(shared, mailbox, peer, admission, resume);
    let (mut seat, mut answer) = taken.inspect_err(|_| shared.tickets.put_back(ticket))?;
    if !shared.tickets.settle(ticket) {
        seat.ends_for(Denied::Ticket.close().reason());
        return Err(Denied::Ticket);
    }
    answer.ticket = shared.tickets.give(stands_for, || shared.clock.settled_s());
    Ok((seat, answer))
}

/// The use of a one-time token. The stored revocation does not show whether somebody else revoked the token meanwhile;
/// this does.
pub(crate) struct Use {
    shared: Arc<Shared>,
    number: u64,
}

impl Use {
    /// Uses a token up: no other login can have it from now on. Complete when that is stored; the returned use must
    /// then be kept, or the token becomes valid again.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        app: AppLife,
        claims: &Claims,
        kid: &str,
    ) -> Result<(Self, Storing), Denied> {
        let _one_at_a_time = shared.once.lock().unwrap_or_else(PoisonError::into_inner);
        let now_s = shared.clock.unix_s();
        // In this order, because a revocation updates the doors first.
        let number = shared.tickets.begin_use(claims.app, &claims.jti);
        let begun = Self { shared: shared.clone(), number };
        is_alive(&shared.bus.revocations(), &Bearer::of(claims, kid), now_s)?;
        let revocation = of_token(claims.app, &claims.jti, now_s, "once");
        Ok((begun, shared.bus.store(app, vec![revocation], By::outside(Actor::Relay))))
    }

    /// Ends the use, once others can act on the seat. An error means that the token was revoked meanwhile, by somebody
    /// who may have missed the seat.
    pub(crate) fn end(&self) -> Result<(), Denied> {
        if self.shared.tickets.end_use(self.number) { Ok(()) } else { Err(Denied::Revoked) }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.shared.tickets.end_use(self.number);
    }
}

/// A login with a one-time token, waiting until its use is stored. Dropping it before leaves the token unused.
pub(crate) struct Waiting {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    peer: Peer,
    token: Box<str>,
    resume: Option<Cursor>,
    admission: Admission,
    begun: Use,
    step: Step,
}

enum Step {
    Storing(Storing),
    /// Stored in vain: until it is lifted, the token would be refused.
    Lifting(Denied, Storing),
}

impl Waiting {
    fn begin(
        shared: &Arc<Shared>,
        mailbox: &Arc<Mailbox>,
        arrival: Arrival<'_>,
        admission: Admission,
    ) -> Result<Self, Denied> {
        // Most logins that get no seat are refused before anything is written.
        Seat::would_be_taken(shared, &admission, mailbox)?;
        let Admission { claims, kid, .. } = &admission;
        let (begun, storing) = Use::begin(shared, admission.life(), claims, kid)?;
        Ok(Self {
            shared: shared.clone(),
            mailbox: mailbox.clone(),
            peer: arrival.peer,
            token: arrival.presented.token.into(),
            resume: arrival.resume,
            admission,
            begun,
            step: Step::Storing(storing),
        })
    }

    fn take_seat(&self) -> Result<Seated, Denied> {
        let Self { shared, mailbox, peer, resume, admission, .. } = self;
        let stands_for = Ticket { claims: admission.claims.clone(), kid: admission.kid.clone() };
        let taken = take_seat(shared, mailbox, *peer, admission.clone(), *resume);
        let (mut seat, mut answer) = taken?;
        self.begun.end().inspect_err(|denied| seat.ends_for(denied.close().reason()))?;
        answer.ticket = shared.tickets.give(stands_for, || shared.clock.settled_s());
        Ok((seat, answer))
    }

    fn refuse(&self, denied: Denied) -> Poll<Result<Seated, Refused>> {
        Poll::Ready(Err(refused(&self.shared, self.peer, Some((&self.token, None)), denied)))
    }
}

impl Future for Waiting {
    type Output = Result<Seated, Refused>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.step {
                Step::Storing(storing) => {
                    let Ok(stored) = ready!(Pin::new(storing).poll(cx)) else {
                        return this.refuse(Denied::Store);
                    };
                    match this.take_seat() {
                        Ok(seated) => {
                            stored.keep();
                            return Poll::Ready(Ok(seated));
                        }
                        Err(denied) => this.step = Step::Lifting(denied, stored.lift()),
                    }
                }
                Step::Lifting(denied, lifting) => {
                    // If the store's end is gone, nothing is lifted, and nobody returns either.
                    let _ = ready!(Pin::new(lifting).poll(cx));
                    let denied = *denied;
                    return this.refuse(denied);
                }
            }
        }
    }
}

/// Logs the new seat; the room has reported it to the bus.
fn seated(seat: &Seat) {
    let span = tracing::Span::current();
    span.record("app", seat.room().app.0).record("room", &*seat.room().name);
    span.record("user", &*seat.me().member.user);
    tracing::debug!("seated");
}

/// Reports a refused login, with or without a token; returns the client's refusal, another one if there were too many.
fn refused(
    shared: &Shared,
    peer: Peer,
    token: Option<(&str, Option<AppId>)>,
    denied: Denied,
) -> Refused {
    let proven = token
        .map(|(token, app)| Proven::of(token, app, denied.is_proven(), &shared.bus.directory()));
    let Proven { app, room, user, jti } = proven.unwrap_or_default();
    let id = app.map(|app| app.id);
    let token = id.zip(jti.as_deref());
    let counted = if denied.is_failure() {
        shared.login_rates.refusal(peer.ip(), token, Instant::now())
    } else {
        Ok(())
    };
    let denied = counted.map_or(Denied::RateExceeded, |()| denied);
    shared.metrics.logins_refused.one(denied.code());
    tracing::info!(
        name: "refused", code = denied.code(), app = id.map(|id| id.0), room = room.as_deref(),
        user = user.as_deref(), jti = jti.as_deref(), %peer, "login refused"
    );
    let (code, peer) = (denied.code().into(), peer.text());
    let attempt = Attempt::random();
    shared.bus.emit(BusEvent::Refused { code, app, room, user, jti, peer, attempt });
    Refused { denied, attempt }
}

/// Whether the door's decision still holds, now that others can act on the seat: a revocation or change in between
/// missed it. The revocation of a one-time token by its own use does not count.
pub(crate) fn is_still_good(
    shared: &Shared,
    room: &Arc<Room>,
    user: &str,
    seat: u64,
    roles: &Arc<Roles>,
    once: bool,
) -> Result<(), Denied> {
    let Some(me) = room.sitting(user, seat) else { return Ok(()) };
    let mut bearer = me.token.bearer(room.app, &room.name, user);
    if once {
        bearer.jti = "";
    }
    is_alive(&shared.bus.revocations(), &bearer, shared.clock.unix_s())?;
    if !Arc::ptr_eq(roles, &shared.roles(room.app)) {
        match shared.change_grants_of(room, user, seat, &GrantChange::Roles) {
            Err(ChangeError::Token(fault)) => return Err(Denied::Token(fault)),
            Err(ChangeError::RoleFull) => return Err(Denied::RoleFull),
            Ok(_) | Err(ChangeError::Gone) => {}
        }
    }
    Ok(())
}
