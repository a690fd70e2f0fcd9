//! Removes a user from a room so that it cannot return: a kick or a ban, by a member or the API. The doors refuse its
//! tokens from the decision on; its seats are closed, and the caller is answered, when that is stored.

use std::{collections::HashSet, sync::Arc};

use stagedoor_bus::{BusError, By, Revocation, Storing, Target};
use stagedoor_wire::close::Close;

use crate::{
    room::Room,
    shared::{Shared, of_token},
};

/// A decided removal.
pub(crate) struct Removal {
    shared: Arc<Shared>,
    room: Arc<Room>,
    user: String,
    by: By,
    storing: Storing,
    what: What,
}

/// A stored removal.
pub(crate) struct StoredRemoval {
    shared: Arc<Shared>,
    room: Arc<Room>,
    user: String,
    by: By,
    what: What,
}

/// What is revoked.
enum What {
    /// The tokens of the user's seats at that time.
    Seats { seats: Vec<u64>, jtis: HashSet<String> },
    /// All tokens of the user.
    User,
}

impl Removal {
    /// A kick. `None` if the user is not in the room.
    pub(crate) fn kick(shared: &Arc<Shared>, room: &Arc<Room>, user: &str, by: By) -> Option<Self> {
        let members = room.seats(user);
        if members.is_empty() {
            return None;
        }
        let jtis = members.iter().flat_map(|member| member.token.jtis()).map(ToOwned::to_owned);
        let jtis: HashSet<String> = jtis.collect();
        let seats = members.iter().map(|member| member.seat).collect();
        let revocations = tokens(shared, room, jtis.iter().map(String::as_str));
        Some(Self::new(shared, room, (user, by), revocations, What::Seats { seats, jtis }))
    }

    /// A ban, for `for_s` seconds, or without an end.
    pub(crate) fn ban(
        shared: &Arc<Shared>,
        room: &Arc<Room>,
        user: &str,
        by: By,
        for_s: Option<u64>,
    ) -> Self {
        let now_s = shared.clock.unix_s();
        let revocation = Revocation {
            app: room.app,
            target: Target::RoomUser { room: room.name.to_string(), user: user.to_owned() },
            generation: 0,
            at_s: now_s,
            ends_s: for_s.map(|for_s| now_s.saturating_add(for_s)),
            ban: true,
            reason: Some("ban".into()),
        };
        Self::new(shared, room, (user, by), vec![revocation], What::User)
    }

    fn new(
        shared: &Arc<Shared>,
        room: &Arc<Room>,
        (user, by): (&str, By),
        revocations: Vec<Revocation>,
        what: What,
    ) -> Self {
        let storing = shared.bus.store(room.app_life(), revocations, by.clone());
        let (shared, room) = (shared.clone(), room.clone());
        Self { shared, room, user: user.into(), by, storing, what }
    }

    /// Waits until it is stored. An error means that it cannot be stored, and nothing was done.
    pub(crate) async fn stored(self) -> Result<StoredRemoval, BusError> {
        let Self { shared, room, user, by, storing, what } = self;
        storing.await?.keep();
        Ok(StoredRemoval { shared, room, user, by, what })
    }
}

impl StoredRemoval {
    /// Closes the seats. An error means that not all of its consequences can be stored.
    pub(crate) async fn carry_out(self) -> Result<(), BusError> {
        let Self { shared, room, user, by, what } = self;
        let later = match &what {
            What::User => {
                shared.evict_all(&room, &user, Close::Banned);
                return Ok(());
            }
            What::Seats { seats, jtis } => evict(&shared, &room, &user, seats, jtis),
        };
        if later.is_empty() {
            return Ok(());
        }
        later.iter().for_each(|jti| shared.tickets.forget(room.app, jti));
        let revocations = tokens(&shared, &room, later.iter().map(String::as_str));
        shared.bus.store_due(room.app_life(), revocations, by).await?.keep();
        Ok(())
    }
}

/// Closes the intended seats, and those that their tokens have opened since. Returns the tokens by which they were
/// renewed meanwhile.
fn evict(
    shared: &Shared,
    room: &Arc<Room>,
    user: &str,
    seats: &[u64],
    jtis: &HashSet<String>,
) -> HashSet<String> {
    // Before the seats are looked for: a login in progress with a ticket checks the ticket again once it has its seat.
    jtis.iter().for_each(|jti| shared.tickets.forget(room.app, jti));
    let mut later = HashSet::new();
    for member in room.seats(user) {
        let meant =
            seats.contains(&member.seat) || member.token.jtis().any(|jti| jtis.contains(jti));
        if meant && let Some(gone) = shared.evict(room, &member, Close::Kicked) {
            let new = gone.token.jtis().filter(|jti| !jtis.contains(*jti));
            later.extend(new.map(ToOwned::to_owned));
        }
    }
    later
}

fn tokens<'a>(
    shared: &Shared,
    room: &Room,
    jtis: impl Iterator<Item = &'a str>,
) -> Vec<Revocation> {
    let now_s = shared.clock.unix_s();
    jtis.map(|jti| of_token(room.app, jti, now_s, "kick")).collect()
}
