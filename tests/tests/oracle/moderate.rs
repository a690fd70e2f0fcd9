//! The expected results of acts of moderation.

use serde_json::json;

use super::{
    acts::{Answer, Done, denied, no},
    law::Texts,
    regrant::Act,
    world::{Revocation, Room, Seat, Target, World},
};

impl World {
    pub(crate) fn target(
        &self,
        room: &str,
        me: &Seat,
        verb: &str,
        user: &str,
    ) -> Result<Seat, Answer> {
        let place = &self.rooms[room];
        let denied = denied("moderate_denied");
        let may = |verb: &str| me.grants.moderate.contains(verb);
        let declines = verb == "decline" && (may("promote") || may("admit"));
        if !declines && !may(verb) {
            return Err(denied("moderate"));
        }
        let target = place.face(user).ok_or(no("user_unknown"))?;
        let decides = place
            .asks
            .get(user)
            .is_some_and(|wants| Room::decides(&me.grants, &target.grants, wants.as_ref()));
        if !me.grants.sees(&target.grants) && !decides {
            return Err(no("user_unknown"));
        }
        let verb = match verb {
            "decline" if target.waiting => "admit",
            "decline" => "promote",
            verb => verb,
        };
        me.grants.moderate(verb, target.grants.rank).map_err(denied)?;
        Ok(target.clone())
    }

    pub(crate) fn moderate(
        &mut self,
        room: &str,
        me: &Seat,
        verb: &str,
        target: &Seat,
        (role, kinds, for_s): (Option<&str>, Option<&Texts>, Option<i64>),
    ) -> Done {
        let user = &target.user;
        let all = || ["audio", "video", "screen", "data"].map(String::from).into();
        let kinds = kinds.cloned().unwrap_or_else(all);
        let act = match verb {
            "kick" => {
                self.kick(room, user);
                return Ok(json!({}));
            }
            "ban" => {
                self.revocations.push(Revocation {
                    target: Target::RoomUser(room.into(), user.clone()),
                    generation: 0,
                    at: self.now,
                    ban: true,
                    ends: for_s.map(|for_s| self.now + for_s),
                });
                self.put_all_out(room, self.rooms[room].ids_of(user), "banned");
                return Ok(json!({}));
            }
            "decline" => return self.decline(room, target),
            "mute" => Act::Mute(kinds),
            "unmute" => Act::Unmute(kinds),
            "admit" if target.waiting => Act::Admit,
            "admit" => return Err(no("ask_unknown")),
            _ => {
                let role = role.unwrap_or_default();
                let rank = self.roles.get(role).ok_or(no("role_unknown"))?.rank;
                me.grants
                    .give(verb, target.grants.rank, rank)
                    .map_err(denied("moderate_denied"))?;
                Act::Give(role.into())
            }
        };
        let ids = self.rooms[room].ids_of(user);
        self.regrant(room, target.id, &act, Some(me))
            .map_err(|code| no(if code == "role_full" { code } else { "role_unknown" }))?;
        for id in ids.into_iter().filter(|id| *id != target.id) {
            // A seat whose own token rules it out stays as it is.
            let _ = self.regrant(room, id, &act, Some(me));
        }
        Ok(json!({}))
    }

    /// Admits waiting members, of a list or all, as far as the actor may: the backend admits all of them.
    pub(crate) fn admit(&mut self, room: &str, me: Option<&Seat>, users: Option<&Texts>) -> Done {
        let place = self.rooms.get(room).ok_or(no("room_unknown"))?;
        if me.is_some_and(|me| !me.grants.moderate.contains("admit")) {
            return Err(denied("moderate_denied")("moderate"));
        }
        let named = |user: &String| users.is_none_or(|users| users.contains(user));
        let may = |seat: &&Seat| me.is_none_or(|me| Room::decides(&me.grants, &seat.grants, None));
        let asks = place.asks.iter().filter(|(user, wants)| wants.is_none() && named(user));
        let waiting = asks.filter_map(|(user, _)| place.face(user)).filter(may);
        let waiting: Vec<u64> = waiting.map(|seat| seat.id).collect();
        let of_all = waiting.len();
        let admitted = waiting.into_iter().filter(|id| {
            // The user has no other seats: users with several seats never wait.
            self.regrant(room, *id, &Act::Admit, me).is_ok()
        });
        let admitted = admitted.count();
        Ok(json!({"admitted": admitted, "waiting": of_all - admitted}))
    }

    fn decline(&mut self, room: &str, target: &Seat) -> Done {
        let Some(place) = self.rooms.get_mut(room) else { return Err(no("nobody")) };
        let wants = place.asks.get(&target.user).cloned().ok_or(no("ask_unknown"))?;
        place.settle(target, "declined", &mut self.out);
        if wants.is_none() {
            self.put_all_out(room, self.rooms[room].ids_of(&target.user), "declined");
        }
        Ok(json!({}))
    }
}
