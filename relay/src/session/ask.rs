//! Members' requests for roles and admission, and invitations. The server mints a guest's token: nothing here signs.

use bytes::Bytes;
use stagedoor_bus::{self as bus, NotInvited};
use stagedoor_token::Action;
use stagedoor_wire::{
    code::ErrorCode,
    reply::{Done, Invited, Refusal},
    request::{Ask, Invite},
};

use super::{
    replies::{ok, refusal},
    requester::Requester,
};
use crate::room::{RequestError, Wants};

impl Requester {
    pub(super) fn ask(&mut self, ask: &Ask) -> Result<Bytes, Box<Refusal>> {
        self.allow(&Action::Ask { role: &ask.role })?;
        let role = self.role(&ask.role)?;
        let wants = Wants { role: role.name().clone(), rank: role.grants().rank };
        match self.seat.room().ask(self.seat.me(), wants) {
            Ok(()) => Ok(ok(ask.id, Done {})),
            Err(RequestError::Waits) => {
                let other = "another seat of this user waits for admission";
                Err(refusal(ErrorCode::AsksExceeded, other))
            }
            Err(_) => Err(refusal(
                ErrorCode::AsksExceeded,
                "the room already has `asks_max` requests; try again later",
            )),
        }
    }

    pub(super) fn unask(&mut self, id: u64) -> Result<Bytes, Box<Refusal>> {
        match self.seat.room().unask(self.seat.me()) {
            Ok(()) => Ok(ok(id, Done {})),
            Err(_) => Err(refusal(ErrorCode::AskUnknown, "the member has no pending request")),
        }
    }

    /// Asks the server for a guest's token; the answer comes later. What time or grants forbid is refused here.
    pub(super) fn invite(&mut self, invite: &Invite) -> Result<(), Box<Refusal>> {
        let role = self.role(&invite.role)?;
        self.allow(&Action::Invite { role: &invite.role, rank: role.grants().rank })?;
        let (me, room) = (self.seat.me(), self.seat.room());
        if me.token.revoked.is_some() || me.token.demoted.is_some() {
            return Err(refusal(ErrorCode::InviteDenied, "the member's own token is revoked"));
        }
        let asked = bus::Invite {
            app: room.app_life(),
            room: room.name.clone(),
            role: invite.role.clone(),
            name: invite.name.clone(),
            once: invite.once,
            ttl_s: invite.ttl_s,
            by: bus::Inviter {
                user: me.user.clone(),
                peer: me.peer.clone(),
                rank: me.grants.rank,
                role: (&*me.token.role).into(),
                kid: me.token.kid.clone(),
                iat: me.token.iat,
                exp: me.token.exp,
                generation: me.token.generation,
            },
        };
        let (later, inviting, id) =
            (self.later(invite.id), self.shared.bus.invite(asked), invite.id);
        tokio::spawn(async move {
            later.send(inviting.await.map(|guest| invited(id, guest)).map_err(not_invited));
        });
        Ok(())
    }
}

fn invited(id: u64, guest: bus::Guest) -> Bytes {
    let bus::Guest { token, user, jti, exp } = guest;
    ok(id, Invited { token, user, jti, exp })
}

fn not_invited(why: NotInvited) -> Box<Refusal> {
    match why {
        NotInvited::Denied(why) => refusal(ErrorCode::InviteDenied, why),
        NotInvited::RoleUnknown => refusal(ErrorCode::RoleUnknown, "the app has no such role"),
        NotInvited::Invalid { message, field } => {
            let field = field.map(String::into_boxed_str);
            Box::new(Refusal { field, ..*refusal(ErrorCode::RequestInvalid, message) })
        }
        NotInvited::StoreUnavailable => refusal(
            ErrorCode::StoreUnavailable,
            "the invitation cannot be stored now and was not made; try again",
        ),
        NotInvited::Unavailable => refusal(
            ErrorCode::RelayUnavailable,
            "the server does not answer the relay now; try again later",
        ),
    }
}
