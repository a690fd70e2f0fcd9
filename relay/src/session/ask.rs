//! Members' requests for roles and admission, and invitations. A guest's token is signed with the app's own key, so the
//! door treats it like any other.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use stagedoor_bus::Event as BusEvent;
use stagedoor_token::{Action, Claims, KeyState, mint};
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

/// Random bytes of a guest's user id and of its token's id.
const ID_BYTES: usize = 12;

fn random_id() -> Option<String> {
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

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

    pub(super) fn invite(&mut self, invite: &Invite) -> Result<Bytes, Box<Refusal>> {
        let role = self.role(&invite.role)?;
        self.allow(&Action::Invite { role: &invite.role, rank: role.grants().rank })?;
        let (me, room) = (self.seat.me(), self.seat.room());
        let unable =
            || refusal(ErrorCode::InviteDenied, "no token can be minted now; try again later");
        let directory = self.shared.bus.directory();
        let key = directory
            .app(room.app)
            .and_then(|app| app.keys.iter().find(|key| key.state() == KeyState::Current))
            .ok_or_else(unable)?;
        let now_s = self.shared.clock.unix_s();
        let left_s = me.token.exp.saturating_sub(now_s);
        let (user, jti) = (random_id().ok_or_else(unable)?, random_id().ok_or_else(unable)?);
        let (user, jti) = (format!("guest_{user}"), format!("invite_{jti}"));
        let ttl_s = invite.ttl_s.min(left_s);
        let name = role.name().clone();
        let mut claims = Claims::builder(room.app, name)
            .room(&*room.name)
            .user(&user)
            .jti(&jti)
            .lifetime(now_s, ttl_s)
            .build();
        claims.name.clone_from(&invite.name);
        claims.once = invite.once;
        claims.generation = me.token.generation;
        let refused = |error: stagedoor_token::MintError| {
            refusal(ErrorCode::RequestInvalid, error.to_string())
        };
        let token = mint(&claims, key).map_err(refused)?;
        self.shared.bus.emit(BusEvent::Invited {
            app: room.app_life(),
            room: room.name.clone(),
            by: me.user.clone(),
            peer: me.peer.clone(),
            user: user.as_str().into(),
            role: invite.role.as_str().into(),
            jti: jti.as_str().into(),
        });
        Ok(ok(invite.id, Invited { token, user, jti, exp: claims.exp }))
    }
}
