//! Acts of moderation. Each is decided by the member's grants and the other's rank, and reported to the bus, whether
//! done or refused.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use stagedoor_bus::{Event as BusEvent, Text};
use stagedoor_token::{Action, Grants, Kinds, RoleName, Verb};
use stagedoor_wire::{
    close::Close,
    code::ErrorCode,
    reply::{Admitted, Done, Refusal},
    request::{Act, Moderate},
};

use super::{
    removal::Removal,
    replies::{ok, refusal, role_full},
    requester::Requester,
};
use crate::room::{ChangeError, Failed, GrantChange, Occupant, Room, sees};

/// The verb that grants must name for an act; declining needs the right to accept.
fn grant_verb(act: Act, waiting: bool) -> Verb {
    match act {
        Act::Verb(verb) => verb,
        Act::Decline if waiting => Verb::Admit,
        Act::Decline => Verb::Promote,
    }
}

fn invalid(message: &str) -> Box<Refusal> {
    refusal(ErrorCode::RequestInvalid, message)
}

fn unknown() -> Box<Refusal> {
    refusal(ErrorCode::UserUnknown, "no such user is in the room")
}

fn admits_many(moderate: &Moderate) -> bool {
    moderate.users.is_some() || moderate.all
}

fn check_fields(moderate: &Moderate) -> Result<(), Box<Refusal>> {
    let verb = moderate.verb;
    let gives = matches!(verb, Act::Verb(Verb::Promote | Verb::Demote));
    let mutes = matches!(verb, Act::Verb(Verb::Mute | Verb::Unmute));
    let named = [moderate.user.is_some(), moderate.users.is_some(), moderate.all];
    let named = named.into_iter().filter(|named| *named).count();
    if named != usize::from(verb != Verb::Close.into()) {
        return Err(invalid(
            "name a `user`; `close` needs none, and `admit` may have `users` or `all` instead",
        ));
    }
    if verb != Verb::Admit.into() && admits_many(moderate) {
        return Err(invalid("only `admit` may have `users` or `all`"));
    }
    if gives != moderate.role.is_some() {
        return Err(invalid("`promote` and `demote` need a `role`; no other verb may have one"));
    }
    if moderate.kinds.is_some() && !mutes {
        return Err(invalid("only `mute` and `unmute` may have `kinds`"));
    }
    if moderate.for_s.is_some() && verb != Verb::Ban.into() {
        return Err(invalid("only `ban` may have `for_s`"));
    }
    Ok(())
}

impl Requester {
    pub(super) fn moderate(&mut self, moderate: &Moderate) -> Result<Option<Bytes>, Box<Refusal>> {
        match self.try_moderate(moderate) {
            Ok(Acted::Done) => {
                // The room has already reported that it was closed.
                if moderate.verb != Verb::Close.into() {
                    self.shared.bus.emit(self.moderated(moderate)("ok".into()));
                }
                Ok(Some(ok(moderate.id, Done {})))
            }
            Ok(Acted::Admitted(admitted)) => Ok(Some(ok(moderate.id, admitted))),
            Ok(Acted::Storing(removal)) => {
                self.remove(moderate.id, removal, self.moderated(moderate));
                Ok(None)
            }
            Err(refusal) => {
                self.shared.bus.emit(self.moderated(moderate)(refusal.code.clone()));
                Err(refusal)
            }
        }
    }

    /// Executes a removal once it is stored, and answers then.
    fn remove(
        &self,
        id: u64,
        removal: Removal,
        moderated: impl FnOnce(Cow<'static, str>) -> BusEvent + Send + 'static,
    ) {
        let (later, bus) = (self.later(id), self.shared.bus.clone());
        tokio::spawn(async move {
            let done = match removal.stored().await {
                Ok(stored) => {
                    // Reported before its consequences: the seats' ends, and perhaps the room's.
                    bus.emit(moderated("ok".into()));
                    stored.carry_out().await.map_err(|_| store_unavailable())
                }
                Err(_) => {
                    let refusal = store_unavailable();
                    bus.emit(moderated(refusal.code.clone()));
                    Err(refusal)
                }
            };
            later.send(done.map(|()| ok(id, Done {})));
        });
    }

    /// Its event, once its code is known.
    fn moderated(&self, moderate: &Moderate) -> impl FnOnce(Cow<'static, str>) -> BusEvent + use<> {
        let (room, me) = (self.seat.room(), self.seat.me());
        let (app, room) = (room.app_life(), room.name.clone());
        let (by, peer) = (me.user.clone(), me.peer.clone());
        let verb = moderate.verb.as_str().into();
        let user = moderate.user.as_deref().and_then(Text::user);
        move |code| BusEvent::Moderated { app, room, by, peer, verb, user, code }
    }

    fn try_moderate(&mut self, moderate: &Moderate) -> Result<Acted, Box<Refusal>> {
        check_fields(moderate)?;
        if admits_many(moderate) {
            return self.admit_many(moderate).map(Acted::Admitted);
        }
        let Some(user) = &moderate.user else {
            self.allow(&Action::Moderate { verb: Verb::Close, target_rank: None })?;
            let act = self.moderated(moderate)("ok".into());
            self.shared.close(self.seat.room(), Some(act));
            return Ok(Acted::Done);
        };
        Room::change(|| self.target(moderate.verb, user), |target| self.act(moderate, target))
    }

    /// The member that an act is about. A member with no right to the act learns that first; then one that it neither
    /// sees nor may decide about looks as if it did not exist.
    fn target(&self, act: Act, user: &str) -> Result<Arc<Occupant>, Box<Refusal>> {
        let grants = self.seat.grants();
        let verbs = [grant_verb(act, false), grant_verb(act, true)];
        if !verbs.iter().any(|verb| grants.moderate.contains(*verb)) {
            self.allow(&Action::Moderate { verb: verbs[0], target_rank: None })?;
        }
        let target = self.seat.room().occupant(user).ok_or_else(unknown)?;
        let known = sees(grants, &target.grants) || self.seat.room().decides(grants, &target);
        let verb = grant_verb(act, target.waiting);
        if !known {
            return Err(unknown());
        }
        self.allow(&Action::Moderate { verb, target_rank: Some(target.grants.rank) })?;
        Ok(target)
    }

    fn act(
        &self,
        moderate: &Moderate,
        target: &Arc<Occupant>,
    ) -> Result<Acted, Failed<Box<Refusal>>> {
        let (shared, room) = (&self.shared, self.seat.room());
        let me = self.seat.me().by();
        let user = &target.member.user;
        let kinds = || match &moderate.kinds {
            Some(kinds) => kinds.iter().copied().collect(),
            None => Kinds::all(),
        };
        let verb = match moderate.verb {
            Act::Verb(verb) => verb,
            Act::Decline => return self.decline(target),
        };
        let done = match verb {
            Verb::Kick => {
                let removal = Removal::kick(shared, room, user, me).ok_or(Failed::Changed)?;
                return Ok(Acted::Storing(removal));
            }
            Verb::Ban => {
                let removal = Removal::ban(shared, room, user, me, moderate.for_s);
                return Ok(Acted::Storing(removal));
            }
            Verb::Mute => self.change_grants(target, &GrantChange::Mute(kinds())),
            Verb::Unmute => self.change_grants(target, &GrantChange::Unmute(kinds())),
            Verb::Admit if target.waiting => self.change_grants(target, &GrantChange::Admit),
            Verb::Admit => Err(not_asked().into()),
            Verb::Promote | Verb::Demote => {
                let role = self.assigned(moderate, &target.grants)?;
                self.change_grants(target, &GrantChange::Give(role))?;
                shared.bus.emit(BusEvent::RoleChanged {
                    app: room.app_life(),
                    room: room.name.clone(),
                    user: target.user.clone(),
                    role: moderate.role.as_deref().unwrap_or_default().into(),
                    by: me.actor,
                    peer: me.peer,
                });
                Ok(())
            }
            Verb::Close => Ok(()),
        };
        done.map(|()| Acted::Done)
    }

    /// Refuses what a member asked for; one that waits for admission is removed.
    fn decline(&self, target: &Arc<Occupant>) -> Result<Acted, Failed<Box<Refusal>>> {
        let room = self.seat.room();
        match room.decline(target) {
            Ok(true) => {
                let user = &target.member.user;
                let evicted = self.shared.evict_all(room, user, Close::Declined);
                evicted.ok_or(Failed::Changed).map(|()| Acted::Done)
            }
            Ok(false) => Ok(Acted::Done),
            Err(_) => Err(not_asked().into()),
        }
    }

    /// The role that is given, if the member may give it to that one.
    fn assigned(&self, moderate: &Moderate, target: &Grants) -> Result<RoleName, Box<Refusal>> {
        let roles = self.shared.roles(self.seat.room().app);
        let role = moderate.role.as_deref().and_then(|role| roles.get(role));
        let role =
            role.ok_or_else(|| refusal(ErrorCode::RoleUnknown, "the app has no such role"))?;
        self.allow(&Action::Assign {
            verb: grant_verb(moderate.verb, false),
            target_rank: target.rank,
            from_rank: target.rank,
            to_rank: role.grants().rank,
        })?;
        Ok(role.name().clone())
    }

    fn change_grants(
        &self,
        target: &Arc<Occupant>,
        change: &GrantChange,
    ) -> Result<(), Failed<Box<Refusal>>> {
        let (room, by) = (self.seat.room(), Some(&**self.seat.me()));
        let changed = self.shared.change_grants(room, target, change, by);
        changed.map_err(|failed| {
            failed.map(|error| match error {
                ChangeError::Gone => unknown(),
                ChangeError::RoleFull => role_full(),
                ChangeError::Token(fault) => refusal(ErrorCode::RoleUnknown, fault.to_string()),
            })
        })?;
        self.shared.change_others(room, target, change, by);
        Ok(())
    }
}

/// The result of an act.
enum Acted {
    Done,
    /// Waiting members were admitted, and this was reported to the bus.
    Admitted(Admitted),
    /// It is done when it is stored.
    Storing(Removal),
}

fn store_unavailable() -> Box<Refusal> {
    refusal(ErrorCode::StoreUnavailable, "the act cannot be stored now and was not done; try again")
}

fn not_asked() -> Box<Refusal> {
    refusal(ErrorCode::AskUnknown, "the user has no pending request of that kind")
}
