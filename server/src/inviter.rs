//! Mints the tokens that members ask for guests, through the same decision as a backend's: bans, the app's lifetimes and
//! its roles hold for them too. The relay has the token once its record is committed.

use std::sync::Arc;

use stagedoor_bus::{
    Actor, Bearer, Bounds, Guest, Invite, InviteRequest, Inviter, NotInvited, Text,
};
use stagedoor_token::{MintError, Refusal};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    error::ApiError,
    issue::{Issued, NotIssued, Stay, Wanted, issue},
    minting::Minting,
    record::Record,
    recorder::listener::closed,
    secret,
    state::AppState,
};

/// Invitations that are decided and recorded at once, so that many share one transaction.
const AT_ONCE_MAX: usize = 64;

/// Answers invitations. After the signal to close it ends once nothing waits.
pub(crate) async fn serve(
    state: Arc<AppState>,
    mut requests: mpsc::Receiver<InviteRequest>,
    mut closing: oneshot::Receiver<()>,
) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            // Biased: invitations from just before the end are still answered.
            biased;
            Some(request) = requests.recv(), if under_way.len() < AT_ONCE_MAX => {
                under_way.spawn(answer(state.clone(), request));
            }
            Some(_) = under_way.join_next() => {}
            () = closed(&mut closing) => break,
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn answer(state: Arc<AppState>, request: InviteRequest) {
    // After a long wait the member was already refused: nothing is minted for nobody.
    if !request.is_awaited() {
        return;
    }
    let invited = invite(&state, &request.invite).await;
    state.metrics.mint(invited.as_ref().map_or_else(code, |_| "ok"));
    request.answer(invited);
}

fn code(why: &NotInvited) -> &'static str {
    match why {
        NotInvited::Denied(_) => "invite_denied",
        NotInvited::RoleUnknown => "role_unknown",
        NotInvited::Invalid { .. } => "request_invalid",
        NotInvited::StoreUnavailable | NotInvited::Unavailable => "store_unavailable",
    }
}

async fn invite(state: &AppState, invite: &Invite) -> Result<Guest, NotInvited> {
    let (user, jti) = ids().ok_or_else(unable)?;
    let Issued { token, claims, .. } = decide(state, invite, &user, &jti).await?;
    state.recorder.record(record(invite, &user, &jti)).await.map_err(|error| not_stored(&error))?;
    Ok(Guest { token, user, jti, exp: claims.exp })
}

/// The guest's user id, so that nobody is impersonated, and the token's id.
fn ids() -> Option<(String, String)> {
    Some((secret::random_id("guest_").ok()?, secret::random_id("invite_").ok()?))
}

async fn decide(
    state: &AppState,
    invite: &Invite,
    user: &str,
    jti: &str,
) -> Result<Issued, NotInvited> {
    // Released before the record is written.
    let _look = state.doors.look(invite.app.id).await;
    let row = state.store.app(invite.app.id).await.map_err(|_| NotInvited::StoreUnavailable)?;
    let row =
        row.filter(|row| row.life() == invite.app).ok_or_else(|| denied("the app is gone"))?;
    let minting = Minting::of(state, &row).await.map_err(|error| not_stored(&error))?;
    let (by, now_s) = (&invite.by, state.unix_s());
    may(by, invite, &minting, now_s)?;
    let wanted = Wanted {
        room: invite.room.to_string(),
        user: user.into(),
        role: invite.role.clone(),
        ttl_s: Some(invite.ttl_s.min(by.exp.saturating_sub(now_s))),
        grants: None,
        name: invite.name.clone(),
        meta: None,
        stay: Stay { once: invite.once, ..Stay::default() },
    };
    // A member has the room and ranks of its role, and no bounds of a credential.
    let issued = issue(wanted, minting.terms(&Bounds::default()), now_s, jti)
        .map_err(|why| not_issued(&why))?;
    // A key that may leak lends no more to a guest than it may sign itself.
    if let Some(key) = state.bus.directory().key(&by.kid) {
        let within = key.bounds.check_claims(&issued.claims, &minting.roles);
        within.map_err(|bound| {
            NotInvited::Denied(format!(
                "the guest would exceed the bound `{}` of the key of the member's own token",
                bound.as_str()
            ))
        })?;
    }
    Ok(issued)
}

/// Whether the member may still invite: its token is not revoked, and the guest's rank is below its own. What the relay
/// decided may have changed meanwhile.
fn may(by: &Inviter, invite: &Invite, minting: &Minting, now_s: u64) -> Result<(), NotInvited> {
    let bearer = Bearer {
        app: invite.app.id,
        room: &invite.room,
        user: &by.user,
        role: &by.role,
        kid: &by.kid,
        // A one-time token is revoked by its own login.
        jti: "",
        iat: by.iat,
        generation: by.generation,
    };
    if minting.revocations.find(&bearer, now_s).is_some() {
        return Err(denied("the member's own token is revoked"));
    }
    let role = minting.roles.get(&invite.role).ok_or(NotInvited::RoleUnknown)?;
    if role.grants().rank >= by.rank {
        return Err(denied("the role's rank is not below the member's own"));
    }
    Ok(())
}

fn record(invite: &Invite, user: &str, jti: &str) -> Record {
    let Invite { app, room, role, by, .. } = invite;
    let (actor, peer) = (Some(Actor::User(by.user.clone())), Text::peer(by.peer.clone()));
    let record = Record { actor, peer, ..Record::now("seat.invited", "ok").of_app(*app) };
    record.room(room).user(user).role(role).jti(jti)
}

fn denied(why: &str) -> NotInvited {
    NotInvited::Denied(why.into())
}

fn unable() -> NotInvited {
    denied("no token can be minted now; try again later")
}

fn not_stored(error: &ApiError) -> NotInvited {
    match error {
        ApiError::Conflict { detail, .. } => denied(detail),
        _ => NotInvited::StoreUnavailable,
    }
}

fn not_issued(why: &NotIssued) -> NotInvited {
    match why {
        NotIssued::Mint(MintError::Refused(fault)) => match fault.refusal() {
            Refusal::RoleUnknown => NotInvited::RoleUnknown,
            _ => NotInvited::Invalid {
                message: fault.to_string(),
                field: fault.field().map(|field| field.to_string()),
            },
        },
        NotIssued::Mint(_) | NotIssued::Token04 { .. } | NotIssued::Exceeds(_) => unable(),
        NotIssued::Banned { .. } => denied("a ban covers such a guest"),
    }
}
