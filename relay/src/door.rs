//! The door: decides whether a token opens a room, for the handshake's token and for `login` alike. Pure: the directory
//! and the time are arguments.

mod login_rates;
mod proof;
mod proven;
mod tickets;

use std::sync::Arc;

use stagedoor_bus::{
    AppLife, Attempt, Bearer, Bound, Directory, NotOpened, Revocations, is_token04,
};
use stagedoor_token::{
    AppId, Claims, Fault, Field, Grants, Refusal, Roles, Rule, SecondLogin, seat, verify_with_key,
};
use stagedoor_wire::{
    close::{Close, Next},
    reply,
};
use thiserror::Error;

pub(crate) use self::{
    login_rates::{LoginRates, TooOften},
    tickets::{Ticket, Tickets},
};
pub use self::{proof::ProofError, proven::Proven};

/// What a client presents at the door.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a str,
    /// The app that it names, if it does. Only a Token04 needs that.
    pub app: Option<AppId>,
    /// The room it wants to enter, if it says so.
    pub room: Option<&'a str>,
    /// The user it claims to be, if it says so.
    pub user: Option<&'a str>,
    /// The proof that it holds the key to which the token is bound, if it sent one.
    pub proof: Option<&'a str>,
    /// The nonce that the proof must contain, if one was issued.
    pub nonce: Option<&'a str>,
}

/// Proof of having passed the door.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The token's claims.
    pub claims: Claims,
    /// The key that signed it.
    pub kid: Arc<str>,
    /// The app's roles, which include the token's.
    pub roles: Arc<Roles>,
    /// The token's effective grants: its role, restricted.
    pub grants: Arc<Grants>,
    /// The app's policy on second logins.
    pub second_login: Option<SecondLogin>,
    /// When the app was created, Unix milliseconds.
    pub since_ms: u64,
}

impl Admission {
    /// The app as it was at the door.
    pub(crate) fn life(&self) -> AppLife {
        AppLife { id: self.claims.app, since_ms: self.since_ms }
    }
}

/// Why the door refused (`spec/wire.md` §Connecting, in that order).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// The token, its role or its grants are invalid.
    #[error("{0}")]
    Token(Fault),
    /// The Token04 was not opened, or what it says is refused.
    #[error("{0}")]
    Token04(NotOpened),
    /// The token is for another room or app than the login names.
    #[error("the token is for another room")]
    RoomMismatch,
    /// The token is for another user than the login names.
    #[error("the token is for another user")]
    UserMismatch,
    /// The token is bound to a key, and the client did not prove that it holds the key.
    #[error("{0}")]
    Proof(ProofError),
    /// The ticket was never issued, or was used.
    #[error("the ticket is invalid or was already used")]
    Ticket,
    /// The token was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// The user is banned.
    #[error("the user is banned")]
    Banned,
    /// The token goes beyond the bounds of the key that signed it.
    #[error("the token exceeds the bound `{}` of the key that signed it", .0.as_str())]
    KeyBounds(Bound),
    /// The app has no seat left.
    #[error("the app has reached its maximum of connections")]
    AppFull,
    /// The room has no seat left.
    #[error("the room has reached its maximum of members")]
    RoomFull,
    /// The role has no seat left.
    #[error("the role has reached its maximum of members in the room")]
    RoleFull,
    /// The user has no seat left.
    #[error("the user has reached the maximum of seats in the room")]
    SeatHeld,
    /// The token or the address logged in, or was refused, too often.
    #[error("too many logins with this token or from this address; try again later")]
    RateExceeded,
    /// The address was refused too often, so its token was not looked at. In milliseconds, when one may be.
    #[error("too many refused logins from this address; try again later")]
    RateLimited {
        /// When to try again.
        retry_ms: u32,
    },
    /// The process has reached its memory limit.
    #[error("the relay has reached its memory limit")]
    MemoryFull,
    /// The relay is shutting down.
    #[error("the relay is shutting down")]
    Closing,
    /// The use of a one-time token cannot be stored now.
    #[error("the login cannot be stored now, so the token was not used; try again")]
    Store,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Token(refusal.into())
    }
}

/// Decides.
pub fn door(
    presented: Presented<'_>,
    directory: &Directory,
    revocations: &Revocations,
    now_s: u64,
) -> Result<Admission, Denied> {
    if is_token04(presented.token) {
        let Presented { token, app, room, .. } = presented;
        let opened = directory.open_token04(token, app, room, now_s);
        let (claims, kid) = opened.map_err(Denied::Token04)?;
        return admit(presented, claims, kid, directory, revocations, now_s);
    }
    let verified = verify_with_key(presented.token, directory.keys(), now_s);
    let (claims, key) = verified.map_err(Denied::Token)?;
    let kid = key.shared_kid();
    admit(presented, claims, kid, directory, revocations, now_s)
}

/// Decides again about a token that was verified and has a ticket; `presented` contains the ticket in place of the
/// token.
pub(crate) fn door_again(
    presented: Presented<'_>,
    ticket: Ticket,
    directory: &Directory,
    revocations: &Revocations,
    now_s: u64,
) -> Result<Admission, Denied> {
    let Ticket { claims, kid } = ticket;
    if now_s >= claims.exp {
        return Err(Refusal::TokenExpired.into());
    }
    // The token itself was revoked by its one login.
    let jti = claims.jti.clone();
    let claims = Claims { jti: String::new(), ..claims };
    let admission = admit(presented, claims, kid, directory, revocations, now_s)?;
    Ok(Admission { claims: Claims { jti, ..admission.claims }, ..admission })
}

fn admit(
    presented: Presented<'_>,
    claims: Claims,
    kid: Arc<str>,
    directory: &Directory,
    revocations: &Revocations,
    now_s: u64,
) -> Result<Admission, Denied> {
    if presented.app.is_some_and(|app| app != claims.app)
        || presented.room.is_some_and(|room| room != claims.room)
    {
        return Err(Denied::RoomMismatch);
    }
    if presented.user.is_some_and(|user| user != claims.user) {
        return Err(Denied::UserMismatch);
    }
    if let Some(bound) = &claims.cnf {
        proof::check(presented.proof, bound.jkt, presented.token, presented.nonce)
            .map_err(Denied::Proof)?;
    }
    is_alive(revocations, &Bearer::of(&claims, &kid), now_s)?;
    let app = directory.app(claims.app).ok_or(Refusal::KeyUnknown)?;
    let grants = seat(&claims, &app.roles).map_err(Denied::Token)?;
    let key = directory.key(&kid).ok_or(Refusal::KeyUnknown)?;
    key.bounds.check_claims(&claims, &app.roles).map_err(Denied::KeyBounds)?;
    let (roles, since_ms) = (app.roles.clone(), app.since_ms);
    Ok(Admission { kid, claims, roles, grants, second_login: app.second_login, since_ms })
}

/// Whether a token is not revoked, and its user not banned.
pub(crate) fn is_alive(
    revocations: &Revocations,
    bearer: &Bearer<'_>,
    now_s: u64,
) -> Result<(), Denied> {
    match revocations.find(bearer, now_s) {
        None => Ok(()),
        Some(hit) if hit.ban => Err(Denied::Banned),
        Some(_) => Err(Denied::Revoked),
    }
}

impl Denied {
    /// The exact code, for the log and the audit trail.
    pub fn code(self) -> &'static str {
        match self {
            Self::Token(fault) => fault.code(),
            Self::Token04(why) => why.code(),
            Self::RoomMismatch => "room_mismatch",
            Self::UserMismatch => "user_mismatch",
            Self::Proof(ProofError::Required) => "proof_required",
            Self::Proof(ProofError::Invalid) => "proof_invalid",
            Self::Proof(ProofError::KeyPrivate) => "proof_key_private",
            Self::Ticket => "ticket_unknown",
            Self::Revoked => "token_revoked",
            Self::Banned => "banned",
            Self::KeyBounds(_) => "key_bounds_exceeded",
            Self::AppFull => "connections_exceeded",
            Self::RoomFull => "room_full",
            Self::RoleFull => "role_full",
            Self::SeatHeld => "seat_held",
            Self::RateExceeded => "rate_exceeded",
            Self::RateLimited { .. } => "rate_limited",
            Self::MemoryFull => "memory_exceeded",
            Self::Closing => "closing",
            Self::Store => "store_unavailable",
        }
    }

    /// The code that the client sees.
    pub fn public_code(self) -> &'static str {
        match self {
            Self::Token(fault) => fault.public_code(),
            Self::Token04(why) => why.public_code(),
            _ => self.code(),
        }
    }

    /// Whether the token proved what it says.
    pub(crate) fn is_proven(self) -> bool {
        self.public_code() != "token_invalid"
    }

    /// Whether this counts as a failure of the address and the token: not if there was no room for it, nor if a proof
    /// is requested, which is a step of a login.
    pub(crate) fn is_failure(self) -> bool {
        !matches!(
            self,
            Self::Proof(ProofError::Required)
                | Self::AppFull
                | Self::RoomFull
                | Self::RoleFull
                | Self::SeatHeld
                | Self::RateExceeded
                | Self::RateLimited { .. }
                | Self::Closing
                | Self::MemoryFull
                | Self::Store
        )
    }

    /// The text that the client sees.
    pub fn message(self) -> String {
        match self.public_code() {
            "token_invalid" => "the token is not valid".into(),
            _ => self.to_string(),
        }
    }

    /// The claim that the client must correct, if the token was verified.
    pub fn field(self) -> Option<Field> {
        match self {
            Self::Token(fault) => fault.field(),
            Self::KeyBounds(bound) => field_of(bound),
            _ => None,
        }
    }

    /// The bound of its key that the token exceeds.
    pub fn bound(self) -> Option<&'static str> {
        match self {
            Self::KeyBounds(bound) => Some(bound.as_str()),
            _ => None,
        }
    }

    /// The role's rule that the token violates.
    pub fn rule(self) -> Option<&'static str> {
        match self {
            Self::Token(fault) => fault.rule().map(Rule::name),
            _ => None,
        }
    }

    fn retry_ms(self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_ms } => Some(retry_ms.into()),
            _ => None,
        }
    }

    /// The answer to a `login` or `renew`; `nonce` is what a proof must contain, if one is requested; `attempt` its number.
    pub fn refusal(self, nonce: Option<Box<str>>, attempt: Option<Attempt>) -> reply::Refusal {
        reply::Refusal {
            nonce,
            attempt: attempt.map(|attempt| attempt.to_string().into()),
            field: self.field().map(|field| field.as_str().into()),
            rule: self.rule().map(Into::into),
            bound: self.bound().map(Into::into),
            retry_ms: self.retry_ms(),
            ..reply::Refusal::new(self.public_code(), self.message())
        }
    }

    /// The close after a refused `login`.
    pub fn close(self) -> Close {
        match self {
            Self::Token(_) | Self::Token04(_) => match self.public_code() {
                "token_invalid" => Close::TokenInvalid,
                "token_expired" => Close::TokenExpired,
                "token_not_yet_valid" => Close::TokenNotYetValid,
                _ => Close::TokenRefused,
            },
            Self::RoomMismatch | Self::UserMismatch => Close::RoomMismatch,
            Self::AppFull => Close::ConnectionsExceeded,
            Self::Proof(_) | Self::Ticket | Self::KeyBounds(_) => Close::TokenRefused,
            Self::Revoked => Close::TokenRevoked,
            Self::Banned => Close::Banned,
            Self::RoomFull => Close::RoomFull,
            Self::RoleFull => Close::RoleFull,
            Self::SeatHeld => Close::SeatHeld,
            Self::RateExceeded | Self::RateLimited { .. } => Close::RateExceeded,
            Self::MemoryFull => Close::MemoryExceeded,
            Self::Closing => Close::Closing,
            Self::Store => Close::StoreUnavailable,
        }
    }

    /// The status of a refused handshake: 401 if another token of the same holder may help, 403 if the token is valid
    /// but does not allow this, 429 if it was tried too often, 503 if waiting helps.
    pub fn status(self) -> http::StatusCode {
        match (self, self.close().next()) {
            (Self::RoomMismatch | Self::UserMismatch | Self::Banned | Self::KeyBounds(_), _) => {
                http::StatusCode::FORBIDDEN
            }
            (Self::Token(_) | Self::Token04(_), _) if self.close() == Close::TokenRefused => {
                http::StatusCode::FORBIDDEN
            }
            (Self::RateExceeded | Self::RateLimited { .. }, _) => {
                http::StatusCode::TOO_MANY_REQUESTS
            }
            (_, Next::Token) => http::StatusCode::UNAUTHORIZED,
            _ => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The claim that a bound is about.
fn field_of(bound: Bound) -> Option<Field> {
    let claim = match bound {
        Bound::Rooms => "room",
        Bound::Roles | Bound::RankMax => "role",
        Bound::TtlSMax => "exp",
        Bound::Once => "once",
        Bound::Bound => "cnf",
        // Of credentials, which present themselves.
        Bound::Label | Bound::Addresses => return None,
    };
    Some(Field::of(claim))
}
