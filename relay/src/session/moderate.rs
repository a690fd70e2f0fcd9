//! Acts of moderation. Each is decided by the member's grants and the other's rank, and told to the bus
//! whether it was done or refused.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use stagedoor_bus::{Event as Told, Text};
use stagedoor_token::{Action, Grants, Kinds, RoleName, Verb as GrantVerb};
use stagedoor_wire::{
    close::Close,
    code::ErrorCode,
    reply::{Admitted, Done},
    request::{Moderate, Verb},
};

use super::{Denial, Session, ok};
use crate::{
    room::{Act, Occupant, RegrantError, grant_kind, sees},
    session::removal::Removal,
};

/// The verb as grants call it; to decline takes the right to accept.
fn grant_verb(verb: Verb, waiting: bool) -> GrantVerb {
    match verb {
        Verb::Kick => GrantVerb::Kick,
        Verb::Ban => GrantVerb::Ban,
        Verb::Mute => GrantVerb::Mute,
        Verb::Unmute => GrantVerb::Unmute,
        Verb::Promote => GrantVerb::Promote,
        Verb::Demote => GrantVerb::Demote,
        Verb::Admit => GrantVerb::Admit,
        Verb::Decline if waiting => GrantVerb::Admit,
        Verb::Decline => GrantVerb::Promote,
        Verb::Close => GrantVerb::Close,
    }
}

fn invalid(message: &str) -> Denial {
    Denial::new(ErrorCode::RequestInvalid, message)
}

fn unknown() -> Denial {
    Denial::new(ErrorCode::UserUnknown, "no such user is in the room")
}

fn admits_many(moderate: &Moderate) -> bool {
    moderate.users.is_some() || moderate.all
}

fn check_fields(moderate: &Moderate) -> Result<(), Denial> {
    let verb = moderate.verb;
    let gives = matches!(verb, Verb::Promote | Verb::Demote);
    let mutes = matches!(verb, Verb::Mute | Verb::Unmute);
    let named = [moderate.user.is_some(), moderate.users.is_some(), moderate.all];
    let named = named.into_iter().filter(|named| *named).count();
    if named != usize::from(verb != Verb::Close) {
        return Err(invalid("every verb but `close` names a `user`, or `admit` `users` or `all`"));
    }
    if verb != Verb::Admit && admits_many(moderate) {
        return Err(invalid("only `admit` names `users` or `all`"));
    }
    if gives != moderate.role.is_some() {
        return Err(invalid("`promote` and `demote`, and no others, name a `role`"));
    }
    if moderate.kinds.is_some() && !mutes {
        return Err(invalid("only `mute` and `unmute` name `kinds`"));
    }
    if moderate.for_s.is_some() && verb != Verb::Ban {
        return Err(invalid("only `ban` has a `for_s`"));
    }
    Ok(())
}

impl Session {
    pub(super) fn moderate(&mut self, moderate: &Moderate) -> Result<Option<Bytes>, Denial> {
        match self.try_moderate(moderate) {
            Ok(Acted::Done) => {
                // The room told that it was closed before what followed of it.
                if moderate.verb != Verb::Close {
                    self.shared.bus.tell(self.moderated(moderate)("ok".into()));
                }
                Ok(Some(ok(moderate.id, Done {})))
            }
            Ok(Acted::Admitted(admitted)) => Ok(Some(ok(moderate.id, admitted))),
            Ok(Acted::Storing(removal)) => {
                let (later, told) = (self.later(moderate.id), self.moderated(moderate));
                tokio::spawn(async move {
                    let bus = later.shared.bus.clone();
                    let done = match removal.stored().await {
                        Ok(stored) => {
                            // Before what follows of it: the seats' ends, and perhaps the room's.
                            bus.tell(told("ok".into()));
                            stored.carry_out().await.map_err(|_| store_unavailable())
                        }
                        Err(_) => {
                            let denial = store_unavailable();
                            bus.tell(told(denial.0.code.clone()));
                            Err(denial)
                        }
                    };
                    let id = later.id;
                    later.answer(done.map(|()| ok(id, Done {})));
                });
                Ok(None)
            }
            Err(denial) => {
                self.shared.bus.tell(self.moderated(moderate)(denial.0.code.clone()));
                Err(denial)
            }
        }
    }

    /// What is told of it, once its code is known.
    fn moderated(&self, moderate: &Moderate) -> impl FnOnce(Cow<'static, str>) -> Told + use<> {
        let (room, me) = (&self.seat.room, &self.seat.me);
        let (app, room) = (room.app_life(), room.name.clone());
        let (by, peer) = (me.user.clone(), me.peer.clone());
        let verb = moderate.verb.as_str().into();
        let user = moderate.user.as_deref().and_then(Text::user);
        move |code| Told::Moderated { app, room, by, peer, verb, user, code }
    }

    fn try_moderate(&mut self, moderate: &Moderate) -> Result<Acted, Denial> {
        check_fields(moderate)?;
        if admits_many(moderate) {
            return self.admit_many(moderate).map(Acted::Admitted);
        }
        let Some(user) = &moderate.user else {
            self.allow(&Action::Moderate { verb: GrantVerb::Close, target_rank: None })?;
            let act = self.moderated(moderate)("ok".into());
            self.shared.close(&self.seat.room, Some(act));
            return Ok(Acted::Done);
        };
        loop {
            let target = self.target(moderate.verb, user)?;
            match self.act(moderate, &target) {
                Ok(acted) => return Ok(acted),
                Err(Failed::Changed) => {}
                Err(Failed::Denied(denial)) => return Err(denial),
            }
        }
    }

    /// The member that an act is about. Who may not do the act at all is told so first; then a member that
    /// one neither sees nor decides about is as if it were not there.
    fn target(&self, verb: Verb, user: &str) -> Result<Arc<Occupant>, Denial> {
        let grants = self.seat.grants();
        let verbs = [grant_verb(verb, false), grant_verb(verb, true)];
        if !verbs.iter().any(|verb| grants.moderate.contains(*verb)) {
            self.allow(&Action::Moderate { verb: verbs[0], target_rank: None })?;
        }
        let target = self.seat.room.occupant(user).ok_or_else(unknown)?;
        let known = sees(grants, &target.grants) || self.seat.room.decides(grants, &target);
        let verb = grant_verb(verb, target.waiting);
        if !known {
            return Err(unknown());
        }
        self.allow(&Action::Moderate { verb, target_rank: Some(target.grants.rank) })?;
        Ok(target)
    }

    fn act(&self, moderate: &Moderate, target: &Arc<Occupant>) -> Result<Acted, Failed> {
        let (shared, room) = (&self.shared, &self.seat.room);
        let me = self.seat.me.by();
        let user = &target.member.user;
        let kinds = || match &moderate.kinds {
            Some(kinds) => kinds.iter().map(|kind| grant_kind(*kind)).collect(),
            None => Kinds::all(),
        };
        let done = match moderate.verb {
            Verb::Kick => {
                let removal = Removal::kick(shared, room, user, me).ok_or(Failed::Changed)?;
                return Ok(Acted::Storing(removal));
            }
            Verb::Ban => {
                let removal = Removal::ban(shared, room, user, me, moderate.for_s);
                return Ok(Acted::Storing(removal));
            }
            Verb::Mute => self.regrant(target, &Act::Mute(kinds())),
            Verb::Unmute => self.regrant(target, &Act::Unmute(kinds())),
            Verb::Admit if target.waiting => self.regrant(target, &Act::Admit),
            Verb::Admit => Err(not_asked().into()),
            Verb::Decline => match room.decline(target) {
                Ok(true) => shared.put_all_out(room, user, Close::Declined).ok_or(Failed::Changed),
                Ok(false) => Ok(()),
                Err(_) => Err(not_asked().into()),
            },
            Verb::Promote | Verb::Demote => {
                let role = self.assigned(moderate, &target.grants)?;
                self.regrant(target, &Act::Give(role))?;
                shared.bus.tell(Told::RoleChanged {
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

    /// The role that is given, if the member may give it to that one.
    fn assigned(&self, moderate: &Moderate, target: &Grants) -> Result<RoleName, Denial> {
        let roles = self.shared.roles(self.seat.room.app);
        let role = moderate.role.as_deref().and_then(|role| roles.get(role));
        let role =
            role.ok_or_else(|| Denial::new(ErrorCode::RoleUnknown, "the app has no such role"))?;
        self.allow(&Action::Assign {
            verb: grant_verb(moderate.verb, false),
            target_rank: target.rank,
            from_rank: target.rank,
            to_rank: role.grants().rank,
        })?;
        Ok(role.name().clone())
    }

    fn regrant(&self, target: &Arc<Occupant>, act: &Act) -> Result<(), Failed> {
        let roles = self.shared.roles(self.seat.room.app);
        let by = Some(&*self.seat.me);
        let room = &self.seat.room;
        let done = room.regrant(target, act, by, &roles, self.shared.epoch());
        if done.is_ok() {
            let user = &target.member.user;
            room.regrant_others(user, target.seat, act, by, &roles, self.shared.epoch());
        }
        done.map(drop).map_err(|error| match error {
            RegrantError::Changed => Failed::Changed,
            RegrantError::RoleFull => Denial::role_full().into(),
            RegrantError::Refused(refusal) => {
                Denial::new(ErrorCode::RoleUnknown, refusal.to_string()).into()
            }
        })
    }
}

/// What an act came to.
enum Acted {
    Done,
    /// Those who waited were let in; the bus was told.
    Admitted(Admitted),
    /// It is done when it is stored.
    Storing(Removal),
}

fn store_unavailable() -> Denial {
    Denial::new(ErrorCode::StoreUnavailable, "it cannot be stored now, and was not done")
}

/// Why an act was not done.
enum Failed {
    /// The member is another by now: everything is to be decided anew.
    Changed,
    /// It is refused.
    Denied(Denial),
}

impl From<Denial> for Failed {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

fn not_asked() -> Denial {
    Denial::new(ErrorCode::AskUnknown, "the member asks for nothing of that kind")
}
