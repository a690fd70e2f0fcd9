//! A new token for the same seat. Of `session`. The door decides, as at a login; then the seat goes on with
//! what the new token says.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use stagedoor_bus::{Event as Told, Target};
use stagedoor_wire::{
    code::ErrorCode,
    reply::{Refusal, Renewed},
    request::Renew,
};

use super::{Denial, Session, ok};
use crate::{
    door::{Admission, Denied, Presented, door},
    encode,
    login::{is_still_good, use_up},
    pass::Pass,
    proof::ProofError,
    room::{Act, RegrantError},
    shared::{nonce, of_token},
};

impl Denial {
    pub(super) fn role_full() -> Self {
        Self::new(ErrorCode::RoleFull, Denied::RoleFull.to_string())
    }

    fn denied(denied: Denied) -> Self {
        let denial = Self::new(ErrorCode::RequestInvalid, denied.message()).0;
        Self(Box::new(Refusal { code: Cow::Borrowed(denied.public_code()), ..*denial }))
    }
}

impl Session {
    pub(super) fn renew(&mut self, renew: &Renew) -> Result<Bytes, Denial> {
        // Whatever comes of it: a nonce is good for one try.
        let asked = self.nonce.take();
        if let Err(denied) = self.try_renew(renew, asked.as_deref()) {
            self.shared.metrics.logins_refused.one(denied.code());
            let mut denial = Denial::denied(denied);
            if denied == Denied::Proof(ProofError::Required) {
                self.nonce = nonce();
                denial.0.nonce.clone_from(&self.nonce);
            }
            return Err(denial);
        }
        let me = self.seat.room.sitting(&self.seat.me.member.user, self.seat.id);
        let me = me.unwrap_or_else(|| self.seat.me.clone());
        let answer = Renewed {
            role: me.member.role.clone(),
            grants: encode::raw(&*me.grants),
            exp: me.pass.exp,
            now: self.shared.clock.unix_s(),
        };
        Ok(ok(renew.id, answer))
    }

    fn try_renew(&mut self, renew: &Renew, nonce: Option<&str>) -> Result<(), Denied> {
        let seat = &self.seat;
        let old = &seat.me;
        let presented = Presented {
            token: &renew.token,
            room: Some(&seat.room.name),
            user: Some(&old.member.user),
            proof: renew.proof.as_deref(),
            nonce,
        };
        let directory = self.shared.bus.directory();
        let now_s = self.shared.clock.unix_s();
        let admission = door(presented, &directory, &self.shared.bus.revocations(), now_s)?;
        let Admission { mut claims, kid, roles, .. } = admission;
        if claims.app != seat.room.app {
            return Err(Denied::RoomMismatch);
        }
        let once = claims.once;
        if once {
            use_up(&self.shared, None, &claims, &kid)?;
        }
        // What a kick is to revoke is not forgotten because of a calendar that jumped.
        let settled_s = self.shared.clock.settled_s();
        let pass = Arc::new(Pass::of(&mut claims, kid).after(&old.pass, settled_s));
        let (jti, old_jti) = (pass.jti.clone(), old.pass.jti.clone());
        if let Err(error) = seat.regrant(&Act::Renew(pass)) {
            if once {
                // What opened nothing is not used up.
                self.shared.bus.lift(seat.room.app, &Target::Jti(jti.to_string()), &[]);
            }
            return Err(match error {
                RegrantError::RoleFull => Denied::RoleFull,
                RegrantError::Refused(refusal) => Denied::Token(refusal),
                RegrantError::Changed => Denied::Closing,
            });
        }
        if let Err(denied) = is_still_good(&self.shared, seat, &roles, once) {
            if let Some(me) = seat.room.sitting(&old.member.user, seat.id) {
                self.shared.put_out(&seat.room, &me, denied.close());
            }
            return Err(denied);
        }
        if once {
            let revocation = of_token(seat.room.app, &jti, now_s, "once");
            self.shared.bus.tell(Told::Revoked { revocation, by: "once".into() });
        }
        self.shared.bus.tell(Told::Renewed {
            app: seat.room.app,
            room: seat.room.name.clone(),
            user: seat.user.clone(),
            jti,
            old_jti,
        });
        Ok(())
    }
}
