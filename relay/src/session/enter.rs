//! Takes a seat with what the door allowed.

use std::{collections::VecDeque, sync::Arc};

use serde_json::value::RawValue;
use stagedoor_bus::{App, AppLife};
use stagedoor_token::{Grants, Refusal, Role, Roles};
use stagedoor_wire::{
    member::{Cursor, Member},
    reply::LoggedIn,
};

use super::{cursors::Cursors, own_streams::OwnStreams, seat::Seat, subscriptions::Subscriptions};
use crate::{
    door::{Admission, Denied},
    log::{encode, mailbox::Mailbox},
    room::{EnterError, Entering, Found, Inbox, Lists, Room, SeatToken},
    shared::Shared,
};

impl Seat {
    /// Whether the seat would be available; changes nothing.
    pub(crate) fn would_be_taken(
        shared: &Shared,
        admission: &Admission,
        mailbox: &Arc<Mailbox>,
    ) -> Result<(), Denied> {
        takes_anybody(shared)?;
        let Admission { claims, roles, .. } = admission;
        if shared.rooms.is_full(claims.app, shared.limits.connections_per_app_max) {
            return Err(Denied::AppFull);
        }
        let Some(room) = shared.rooms.get(claims.app, &claims.room) else { return Ok(()) };
        if room.app_life() != admission.life() {
            // It is replaced by a new one, or the seat is refused.
            return Ok(());
        }
        let (_, entering) = entering(0, admission.clone(), mailbox, Arc::default());
        room.would_take(&entering, roles).map_err(denied)
    }

    /// Takes a seat with what the door allowed. The answer is for the member.
    pub(crate) fn take(
        shared: &Arc<Shared>,
        admission: Admission,
        mailbox: &Arc<Mailbox>,
        peer: Arc<str>,
        resume: Option<Cursor>,
    ) -> Result<(Self, LoggedIn<Box<RawValue>>), Denied> {
        takes_anybody(shared)?;
        let life = admission.life();
        let (app, roles) = (admission.claims.app, admission.roles.clone());
        if !shared.rooms.take_seat(app, shared.limits.connections_per_app_max) {
            return Err(Denied::AppFull);
        }
        let id = shared.rooms.seat_id();
        let (name, entering) = entering(id, admission, mailbox, peer);
        let (room, found) = enter(shared, life, &name, &entering, &roles, resume)
            .inspect_err(|_| shared.rooms.give_seat(app))?;
        let inbox = entering.inbox;
        shared.metrics.seats.add(1);
        let Found { me, events, count, lists, resumed } = found;
        let Lists { members, next, streams, state, asks, rest } = lists;
        let answer = LoggedIn {
            app: app.0,
            room: room.name.to_string(),
            me: me.member.clone(),
            grants: grants_json(&me.grants, &roles),
            exp: me.token.exp,
            now: shared.clock.unix_s(),
            ping_interval_ms: shared.limits.ping_interval_ms,
            pong_timeout_ms: shared.limits.pong_timeout_ms,
            count,
            members,
            next,
            streams,
            state,
            events: Cursor { epoch: events.log().feed.epoch, seq: events.seq() },
            resumed: resume.map(|_| resumed),
            waiting: me.waiting,
            asks,
            more: rest.is_some(),
            ticket: None,
        };
        let mut seat = Self {
            shared: shared.clone(),
            room,
            id,
            me,
            events,
            inbox,
            cursors: Cursors::default(),
            subscriptions: Subscriptions::default(),
            own: OwnStreams::default(),
            ready: VecDeque::new(),
            pages: None,
            app,
            reason: "lost",
        };
        if let Some(rest) = rest {
            // There is room for the first.
            let _ = seat.send_rest(rest);
        }
        Ok((seat, answer))
    }
}

/// Whether new members are accepted now.
fn takes_anybody(shared: &Shared) -> Result<(), Denied> {
    if shared.is_draining() {
        return Err(Denied::Closing);
    }
    if shared.memory.is_full(shared.clock.now_ms()) {
        return Err(Denied::MemoryFull);
    }
    Ok(())
}

/// The member that wants to enter, and the name of its room.
fn entering(
    seat: u64,
    admission: Admission,
    mailbox: &Arc<Mailbox>,
    peer: Arc<str>,
) -> (Arc<str>, Entering) {
    let Admission { mut claims, kid, grants, second_login, .. } = admission;
    let token = Arc::new(SeatToken::of(&mut claims, kid));
    let member = Member {
        user: claims.user,
        role: claims.role.to_string(),
        name: claims.name,
        meta: claims.meta,
    };
    let inbox = Arc::new(Inbox::new(mailbox.clone()));
    (claims.room.into(), Entering { seat, member, token, grants, inbox, peer, second_login })
}

fn denied(error: EnterError) -> Denied {
    match error {
        EnterError::Refused(refusal) => Denied::Token(refusal),
        EnterError::RoleFull => Denied::RoleFull,
        EnterError::SeatHeld => Denied::SeatHeld,
        EnterError::Closed | EnterError::Full => Denied::RoomFull,
    }
}

/// Grants as JSON: usually the role's own.
fn grants_json(grants: &Arc<Grants>, roles: &Roles) -> Box<RawValue> {
    let role = roles.get(&grants.role).filter(|role| Arc::ptr_eq(role.grants(), grants));
    role.and_then(Role::json).map_or_else(|| encode::raw(&**grants), ToOwned::to_owned)
}

fn enter(
    shared: &Arc<Shared>,
    app: AppLife,
    name: &Arc<str>,
    entering: &Entering,
    roles: &Roles,
    resume: Option<Cursor>,
) -> Result<(Arc<Room>, Found), Denied> {
    let mut gone = None;
    loop {
        let mut opened = false;
        let room = shared.rooms.find_or(app.id, name, gone.as_ref(), |overrides| {
            opened = true;
            let (clock, limits) = (shared.clock.clone(), shared.limits.clone());
            Room::new(app, name.clone(), clock, limits, overrides, shared.bus.clone())
        });
        if room.app_life() != app {
            let now = shared.bus.directory().app(app.id).map(App::life);
            if now == Some(room.app_life()) {
                // The app was deleted and created again since the door decided.
                return Err(Refusal::KeyUnknown.into());
            }
            // Of an app that had this AppID before.
            shared.close(&room, None);
            gone = Some(room);
            continue;
        }
        match room.enter(entering, roles, resume, shared.epoch()) {
            Ok(found) => return Ok((room, found)),
            Err(EnterError::Closed) => gone = Some(room),
            Err(error) => {
                if opened && room.close_empty() {
                    shared.forget(&room);
                }
                return Err(denied(error));
            }
        }
    }
}
