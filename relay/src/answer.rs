//! The server's commands, carried out. After `relay`, before `listener`. The server checked the caller's
//! right to ask; grants of members play no part here.

use stagedoor_bus::{Answer, Command};

use crate::shared::Shared;

/// Carries out one command.
pub(crate) fn answer(shared: &Shared, command: Command) -> Answer {
    let find = |app, room: &str| shared.rooms.get(app, room);
    match command {
        Command::Rooms { app, after, limit } => {
            let mut page = shared.rooms.page(app, after, limit);
            let more = page.len() > limit;
            page.truncate(limit);
            Answer::Rooms { rooms: page.iter().map(|room| room.summary()).collect(), more }
        }
        Command::Room { app, room, after, limit } => match find(app, &room) {
            Some(room) => Answer::Room(room.detail(after.as_deref(), limit)),
            None => Answer::RoomUnknown,
        },
        Command::Kick { app, room, user } => match find(app, &room) {
            Some(room) => shared
                .kick(&room, &user)
                .map_or(Answer::UserUnknown, |()| Answer::Done { seats: 1 }),
            None => Answer::RoomUnknown,
        },
        Command::CloseRoom { app, room } => match find(app, &room) {
            Some(room) => Answer::Done { seats: shared.close(&room) },
            None => Answer::RoomUnknown,
        },
        Command::Message { app, room, to, topic, data } => match find(app, &room) {
            Some(room) => match room.send(None, &to, topic.as_ref(), &data) {
                Ok(seats) => Answer::Done { seats },
                Err(_) => Answer::UserUnknown,
            },
            None => Answer::RoomUnknown,
        },
        Command::Revoke { .. } | Command::Reapply { .. } => Answer::Done { seats: 0 },
        Command::Assign { .. } | Command::Mute { .. } => Answer::RoomUnknown,
    }
}
