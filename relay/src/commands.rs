//! Executes the server's commands. The server has already authorized the caller, so members' grants do not matter here.

use std::sync::Arc;

use stagedoor_bus::{Actor, Answer, Asked, Bounds, By, Command, Event, Revocation, Target, Then};
use stagedoor_token::{AppId, Kinds, RoleName};
use stagedoor_wire::close::Close;

use crate::{
    room::{Failed, GrantChange, Occupant, Room},
    session::{Admission, Removal, admit},
    shared::Shared,
};

/// Executes a command and answers it; if something must be stored first, later.
pub(crate) fn answer(shared: &Arc<Shared>, Asked { command, answer: to }: Asked) {
    let answered = match command {
        Command::Kick { app, room, user, by } => match kick(shared, app, (&room, &user), by) {
            Ok(removal) => {
                tokio::spawn(async move {
                    let done = match removal.stored().await {
                        Ok(stored) => stored.carry_out().await,
                        Err(error) => Err(error),
                    };
                    // The caller may have given up meanwhile.
                    let _ = to.send(match done {
                        Ok(()) => Answer::Done { seats: 1 },
                        Err(_) => Answer::StoreUnavailable,
                    });
                });
                return;
            }
            Err(refused) => refused,
        },
        command => carry_out(shared, command),
    };
    // The caller may have given up meanwhile.
    let _ = to.send(answered);
}

fn kick(
    shared: &Arc<Shared>,
    app: AppId,
    (room, user): (&str, &str),
    by: Actor,
) -> Result<Removal, Answer> {
    let room = shared.rooms.get(app, room).ok_or(Answer::RoomUnknown)?;
    Removal::kick(shared, &room, user, By::outside(by)).ok_or(Answer::UserUnknown)
}

fn carry_out(shared: &Shared, command: Command) -> Answer {
    let find = |app, room: &str| shared.rooms.get(app, room);
    match command {
        Command::Rooms { app, after, limit, within } => {
            let mut page = match within {
                Some(names) => shared.rooms.page_within(app, after.as_deref(), limit, &names),
                None => shared.rooms.page(app, after, limit),
            };
            let more = page.len() > limit;
            page.truncate(limit);
            Answer::Rooms { rooms: page.iter().map(|room| room.summary()).collect(), more }
        }
        Command::Room { app, room, after, limit } => match find(app, &room) {
            Some(room) => Answer::Room(room.detail(after.as_deref(), limit)),
            None => Answer::RoomUnknown,
        },
        // The answer follows when it is stored.
        Command::Kick { .. } => Answer::StoreUnavailable,
        Command::CloseRoom { app, room } => match find(app, &room) {
            Some(room) => Answer::Done { seats: shared.close(&room, None) },
            None => Answer::RoomUnknown,
        },
        Command::Message { app, room, to, topic, data } => match find(app, &room) {
            Some(room) => match room.send(None, &to, topic.as_ref(), &data) {
                Ok(seats) => Answer::Done { seats },
                Err(_) => Answer::UserUnknown,
            },
            None => Answer::RoomUnknown,
        },
        Command::Revoke { revocation, margin_s, then } => {
            Answer::Done { seats: revoke(shared, &revocation, margin_s, &then) }
        }
        Command::Held { app, kid } => Answer::Done { seats: held(shared, app, &kid) },
        Command::Assign { app, room, user, role, by } => match find(app, &room) {
            Some(room) => assign(shared, &room, &user, role, by),
            None => Answer::RoomUnknown,
        },
        Command::Mute { app, room, user, kinds, muted } => match find(app, &room) {
            Some(room) => {
                let kinds: Kinds = kinds.into_iter().collect();
                let change =
                    if muted { GrantChange::Mute(kinds) } else { GrantChange::Unmute(kinds) };
                change_grants(shared, &room, &user, &change)
            }
            None => Answer::RoomUnknown,
        },
        Command::Settle { app, room, user, accept, bounds } => match find(app, &room) {
            Some(room) => settle(shared, &room, &user, accept, &bounds),
            None => Answer::RoomUnknown,
        },
        Command::Admit { app, room, users } => match find(app, &room) {
            Some(room) => {
                let Admission { admitted, waiting } = admit(shared, &room, users.as_deref(), None);
                Answer::Admitted { admitted: admitted.len(), waiting }
            }
            None => Answer::RoomUnknown,
        },
        Command::Reapply { app } => Answer::Done { seats: reapply(shared, app) },
    }
}

/// Gives a user a role.
fn assign(shared: &Shared, room: &Arc<Room>, user: &str, role: RoleName, by: Actor) -> Answer {
    if shared.roles(room.app).get(&role).is_none() {
        return Answer::RoleRefused;
    }
    let changed = Event::RoleChanged {
        app: room.app_life(),
        room: room.name.clone(),
        user: user.into(),
        role: role.text(),
        by,
        peer: None,
    };
    let answer = change_grants(shared, room, user, &GrantChange::Give(role));
    if matches!(answer, Answer::Done { .. }) {
        shared.bus.emit(changed);
    }
    answer
}

/// Changes a user's grants in each of its seats.
fn change_grants(shared: &Shared, room: &Arc<Room>, user: &str, change: &GrantChange) -> Answer {
    let changed = Room::change(
        || room.occupant(user).ok_or(Answer::UserUnknown),
        |member| {
            let changed = shared.change_grants(room, member, change, None);
            changed.map_err(|failed| failed.map(|_| Answer::RoleRefused))?;
            shared.change_others(room, member, change, None);
            Ok(Answer::Done { seats: 1 })
        },
    );
    changed.unwrap_or_else(|refused| refused)
}

/// Grants or denies a user's request. A role that the caller's bounds do not let it give is not granted.
fn settle(shared: &Shared, room: &Arc<Room>, user: &str, accept: bool, bounds: &Bounds) -> Answer {
    let Some(member) = room.occupant(user) else { return Answer::UserUnknown };
    match (room.request_of(user), accept) {
        (None, _) => Answer::AskUnknown,
        (Some(Some(wants)), true) => {
            let rank = shared.roles(room.app).get(&wants.role).map_or(0, |role| role.grants().rank);
            if let Err(bound) = bounds.check_role(&wants.role, rank) {
                return Answer::BoundsExceeded { bound };
            }
            change_grants(shared, room, user, &GrantChange::Give(wants.role))
        }
        (Some(None), true) => change_grants(shared, room, user, &GrantChange::Admit),
        (Some(_), false) => match room.decline(&member) {
            Ok(true) => shared
                .evict_all(room, user, Close::Declined)
                .map_or(Answer::UserUnknown, |()| Answer::Done { seats: 1 }),
            Ok(false) => Answer::Done { seats: 1 },
            Err(_) => Answer::AskUnknown,
        },
    }
}

/// The rooms of an app, or the one with this name.
fn rooms(shared: &Shared, app: AppId, room: Option<&str>) -> Vec<Arc<Room>> {
    match room {
        Some(room) => shared.rooms.get(app, room).into_iter().collect(),
        None => shared.rooms.page(app, None, usize::MAX),
    }
}

/// Acts on the seats that a revocation covers; returns how many.
fn revoke(shared: &Shared, revocation: &Revocation, margin_s: u32, then: &Then) -> usize {
    if let Target::Jti(jti) = &revocation.target {
        // The door ignores the id of a ticket's token, because its one login revoked it.
        shared.tickets.forget(revocation.app, jti);
    }
    let mut seats = 0;
    for room in rooms(shared, revocation.app, revocation.room()) {
        for member in room.occupants() {
            seats += usize::from(revoke_seat(shared, &room, member, revocation, margin_s, then));
        }
    }
    seats
}

/// How many live seats have a token signed by this key.
fn held(shared: &Shared, app: AppId, kid: &str) -> usize {
    let of_key = |member: &Arc<Occupant>| *member.token.kid == *kid;
    let seats = |room: Arc<Room>| room.occupants().iter().filter(|member| of_key(member)).count();
    rooms(shared, app, None).into_iter().map(seats).sum()
}

/// Changes or evicts a seat if a revocation covers it; returns whether it does.
fn revoke_seat(
    shared: &Shared,
    room: &Arc<Room>,
    member: Arc<Occupant>,
    revocation: &Revocation,
    margin_s: u32,
    then: &Then,
) -> bool {
    change_seat(room, member, |member| {
        let user = &member.member.user;
        if !revocation.hits(&member.token.bearer(room.app, &room.name, user)) {
            return Ok(false);
        }
        let change = match then {
            _ if margin_s > 0 && !revocation.ban => {
                GrantChange::Margin(shared.clock.unix_s() + u64::from(margin_s), then.clone())
            }
            Then::Demote(role) if !revocation.ban => GrantChange::Revoked(role.clone()),
            _ => {
                // A ban of a key leaves its members a way: a token of another key.
                let is_final = revocation.ban && !matches!(revocation.target, Target::Key(_));
                let close = if is_final { Close::Banned } else { Close::TokenRevoked };
                return Ok(shared.evict(room, member, close).is_some());
            }
        };
        match shared.change_grants(room, member, &change, None) {
            Ok(_) => Ok(true),
            Err(Failed::Changed) => Err(Failed::Changed),
            Err(Failed::Refused(_)) => {
                Ok(shared.evict(room, member, Close::TokenRevoked).is_some())
            }
        }
    })
}

/// Re-applies the app's roles to its seats; returns how many got other grants.
fn reapply(shared: &Shared, app: AppId) -> usize {
    let mut seats = 0;
    for room in rooms(shared, app, None) {
        for member in room.occupants() {
            seats += usize::from(reapply_seat(shared, &room, member));
        }
    }
    seats
}

fn reapply_seat(shared: &Shared, room: &Arc<Room>, member: Arc<Occupant>) -> bool {
    change_seat(room, member, |member| {
        match shared.change_grants(room, member, &GrantChange::Roles, None) {
            Ok(new) => Ok(new.grants != member.grants),
            Err(Failed::Changed) => Err(Failed::Changed),
            Err(Failed::Refused(_)) => {
                Ok(shared.evict(room, member, Close::TokenRefused).is_some())
            }
        }
    })
}

/// Changes the member in a seat, starting from the given version of it; returns the result, or `false` if the seat is
/// gone.
fn change_seat(
    room: &Room,
    member: Arc<Occupant>,
    attempt: impl FnMut(&Arc<Occupant>) -> Result<bool, Failed<()>>,
) -> bool {
    let (user, seat) = (member.user.clone(), member.seat);
    let mut found = Some(member);
    let find = || found.take().or_else(|| room.sitting(&user, seat)).ok_or(());
    Room::change(find, attempt).unwrap_or(false)
}
