//! A new token for the same seat. The door decides, as for a login; then the seat continues with the new token: at once
//! or, with a one-time token, when its use is stored.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use stagedoor_bus::{Attempt, Event as BusEvent, Storing, Text};
use stagedoor_token::Roles;
use stagedoor_wire::{
    reply::{Refusal, Renewed},
    request::Renew,
};
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    time::timeout,
};

use super::{
    login::{Refused, Use, is_still_good},
    replies::ok,
    requester::Requester,
};
use crate::{
    door::{Admission, Denied, Presented, ProofError, Proven, door},
    log::encode,
    room::{ChangeError, GrantChange, Occupant, Room, SeatToken},
    shared::{Shared, nonce},
};

/// How long a refusal waits until a token that was used in vain is valid again.
const LIFT_TIMEOUT: Duration = Duration::from_secs(2);

/// The answer, if no proof is requested.
fn plain(Refused { denied, attempt }: Refused) -> Box<Refusal> {
    Box::new(denied.refusal(None, attempt))
}

/// A renewal that the door allowed.
struct Renewal {
    shared: Arc<Shared>,
    room: Arc<Room>,
    user: Arc<str>,
    seat: u64,
    id: u64,
    token: Arc<SeatToken>,
    roles: Arc<Roles>,
    /// The use of a one-time token.
    begun: Option<Use>,
}

impl Requester {
    /// The answer; `None` if it comes later.
    pub(super) fn renew(&mut self, renew: &Renew) -> Result<Option<Bytes>, Box<Refusal>> {
        // Whatever the result: a nonce is valid for one attempt.
        let asked = self.nonce.take();
        let (renewal, storing) = match self.admit(renew, asked.as_deref()) {
            Ok(admitted) => admitted,
            Err(denied) => {
                let (app, directory) = (self.seat.room().app, self.shared.bus.directory());
                let new_jti =
                    Proven::of(&renew.token, Some(app), denied.is_proven(), &directory).jti;
                let (room, me) = (self.seat.room(), self.seat.me());
                let Refused { attempt, .. } = refused(&self.shared, room, me, new_jti, denied);
                if denied == Denied::Proof(ProofError::Required) {
                    self.nonce = nonce();
                }
                return Err(Box::new(denied.refusal(self.nonce.clone(), attempt)));
            }
        };
        let is_under_way = |before: &mut oneshot::Receiver<()>| {
            matches!(before.try_recv(), Err(TryRecvError::Empty))
        };
        let before = self.renewing.take_if(|before| is_under_way(before));
        if storing.is_none() && before.is_none() {
            return renewal.carry_out().map(Some).map_err(plain);
        }
        let (done, renewing) = oneshot::channel();
        self.renewing = Some(renewing);
        let later = self.later(renew.id);
        tokio::spawn(async move {
            if let Some(before) = before {
                // It signals its end by being dropped.
                let _ = before.await;
            }
            let answer = match storing {
                Some(storing) => renewal.carry_out_stored(storing).await,
                None => renewal.carry_out(),
            };
            drop(done);
            later.send(answer.map_err(plain));
        });
        Ok(None)
    }

    /// Passes the door, and begins the use of a one-time token.
    fn admit(
        &self,
        renew: &Renew,
        nonce: Option<&str>,
    ) -> Result<(Renewal, Option<Storing>), Denied> {
        let (seat, shared) = (&self.seat, &self.shared);
        let presented = Presented {
            token: &renew.token,
            app: Some(seat.room().app),
            room: Some(&seat.room().name),
            user: Some(&seat.me().member.user),
            proof: renew.proof.as_deref(),
            nonce,
        };
        let (directory, now_s) = (shared.bus.directory(), shared.clock.unix_s());
        shared.metrics.tokens_checked.add(1);
        let admission = door(presented, &directory, &shared.bus.revocations(), now_s)?;
        let app = admission.life();
        if app != seat.room().app_life() {
            return Err(Denied::RoomMismatch);
        }
        let Admission { mut claims, kid, roles, .. } = admission;
        shared.key_used(&directory, &kid, claims.iat);
        let (begun, storing) = if claims.once {
            let (begun, storing) = Use::begin(shared, app, &claims, &kid)?;
            (Some(begun), Some(storing))
        } else {
            (None, None)
        };
        let renewal = Renewal {
            shared: shared.clone(),
            room: seat.room().clone(),
            user: seat.me().user.clone(),
            seat: seat.id(),
            id: renew.id,
            token: Arc::new(SeatToken::of(&mut claims, kid)),
            roles,
            begun,
        };
        Ok((renewal, storing))
    }
}

impl Renewal {
    /// Waits until the token's use is stored. A token that opened nothing becomes valid again.
    async fn carry_out_stored(self, storing: Storing) -> Result<Bytes, Refused> {
        let Ok(stored) = storing.await else { return Err(self.refuse(Denied::Store)) };
        match self.carry_out() {
            Ok(answer) => {
                stored.keep();
                Ok(answer)
            }
            Err(denied) => {
                // If the store no longer accepts anything, the refusal does not wait for it.
                let _ = timeout(LIFT_TIMEOUT, stored.lift()).await;
                Err(denied)
            }
        }
    }

    /// Reports a refusal while the seat exists: nothing is reported about a seat that is gone.
    fn refuse(&self, denied: Denied) -> Refused {
        let Self { shared, room, user, seat, token, .. } = self;
        match room.sitting(user, *seat) {
            Some(me) => refused(shared, room, &me, Text::jti(token.jti.clone()), denied),
            None => {
                shared.metrics.renewals_refused.one(denied.code());
                denied.into()
            }
        }
    }

    fn carry_out(&self) -> Result<Bytes, Refused> {
        let Self { shared, room, user, seat, id, token, roles, begun } = self;
        let old = room.sitting(user, *seat).ok_or_else(|| self.refuse(Denied::Closing))?;
        let renewed =
            shared.change_grants_of(room, user, *seat, &GrantChange::Renew(token.clone()));
        renewed.map_err(|error| {
            self.refuse(match error {
                ChangeError::RoleFull => Denied::RoleFull,
                ChangeError::Token(fault) => Denied::Token(fault),
                ChangeError::Gone => Denied::Closing,
            })
        })?;
        let good = is_still_good(shared, room, user, *seat, roles, begun.is_some());
        let good = good.and_then(|()| begun.as_ref().map_or(Ok(()), Use::end));
        let me = room.sitting(user, *seat).unwrap_or(old.clone());
        if let Err(denied) = good {
            let refused = self.refuse(denied);
            shared.evict(room, &me, denied.close());
            return Err(refused);
        }
        shared.bus.emit(BusEvent::Renewed {
            app: room.app_life(),
            room: room.name.clone(),
            user: user.clone(),
            jti: token.jti.clone(),
            old_jti: old.token.jti.clone(),
            peer: old.peer.clone(),
        });
        let answer = Renewed {
            role: me.member.role.clone(),
            grants: encode::raw(&*me.grants),
            exp: me.token.exp,
            now: shared.clock.unix_s(),
        };
        Ok(ok(*id, answer))
    }
}

/// Counts and reports a refused renewal.
fn refused(
    shared: &Shared,
    room: &Room,
    me: &Occupant,
    new_jti: Option<Text>,
    denied: Denied,
) -> Refused {
    let attempt = Attempt::random();
    shared.metrics.renewals_refused.one(denied.code());
    tracing::info!(
        name: "refused", code = denied.code(), app = room.app.0, room = &*room.name, user = &*me.user,
        jti = &*me.token.jti, new_jti = new_jti.as_deref(), peer = &*me.peer, "renewal refused"
    );
    shared.bus.emit(BusEvent::RenewRefused {
        code: denied.code().into(),
        app: room.app_life(),
        room: room.name.clone(),
        user: me.user.clone(),
        jti: me.token.jti.clone(),
        new_jti,
        peer: me.peer.clone(),
        attempt,
    });
    Refused { denied, attempt }
}
