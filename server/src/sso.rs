//! Decides what the claims of an ID token become: a user, and what the rules give it; and mints that.

use serde_json::{Map, Value};
use stagedoor_bus::Bounds;
use stagedoor_rules::{Claims, Filled, Outcome, Path};
use stagedoor_token::AppId;

use crate::{
    error::{ApiError, OauthKind},
    issue::{Issued, Stay, Wanted, issue},
    issuer::Issuer,
    minting::Minting,
    oidc::{NotVerified, id_token::IdTokenFault},
    routes::app_row,
    secret,
    state::AppState,
};

/// Which room and role somebody asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) room: &'a str,
    /// Needed only where several rules fit.
    pub(crate) role: Option<&'a str>,
}

/// What claims become.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// The rule that gives it, from 0.
    pub(crate) rule: usize,
    pub(crate) wanted: Wanted,
}

/// Why claims become nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// This claim makes no user id, or does not fit into the texts of a rule.
    Claim(Path),
    /// Rules are for these claims, but not for this room.
    Room,
    /// No rule is for these claims, or for the role that was asked for.
    NoRule,
}

impl NotAdmitted {
    /// The code, what OAuth calls it, and an explanation.
    pub(crate) fn told(&self) -> (&'static str, OauthKind, String) {
        match self {
            Self::Claim(path) => {
                let detail = format!("the claim {} is missing or may not be used", path.as_str());
                ("claim_refused", OauthKind::AccessDenied, detail)
            }
            Self::Room => {
                let detail = "no rule of the issuer opens this room for these claims".into();
                ("room_refused", OauthKind::InvalidTarget, detail)
            }
            Self::NoRule => {
                let detail = "no rule of the issuer is for these claims and this role".into();
                ("rules_matched_none", OauthKind::AccessDenied, detail)
            }
        }
    }
}

/// Decides what the claims of an ID token become. Pure.
pub(crate) fn admit(
    issuer: &Issuer,
    claims: &Map<String, Value>,
    Asked { room, role }: Asked<'_>,
) -> Result<Admitted, NotAdmitted> {
    let claims = Claims(claims);
    let (rule, gives, name) = match issuer.rules.decide(claims, room, role) {
        Outcome::Matches { rule, gives, name } => (rule, gives, name),
        Outcome::Unfit { path, .. } => return Err(NotAdmitted::Claim(path)),
        Outcome::Room => return Err(NotAdmitted::Room),
        Outcome::None => return Err(NotAdmitted::NoRule),
    };
    let user = match issuer.user(claims) {
        Filled::Text(user) => user,
        Filled::Absent(path) | Filled::Unfit(path, _) => return Err(NotAdmitted::Claim(path)),
    };
    let wanted = Wanted {
        room: room.to_owned(),
        user,
        role: gives.role.to_string(),
        ttl_s: gives.ttl_s,
        grants: gives.grants.clone(),
        name,
        meta: None,
        stay: Stay { max_stay: gives.max_stay, ..Stay::default() },
    };
    Ok(Admitted { rule, wanted })
}

/// Mints what claims became, like any other token: roles, bans and bounds apply.
pub(crate) async fn issued(
    state: &AppState,
    app: AppId,
    wanted: Wanted,
    bounds: &Bounds,
) -> Result<Issued, ApiError> {
    let _look = state.doors.look(app).await;
    let row = app_row(state, app).await?;
    let minting = Minting::of(state, &row).await?;
    let jti = secret::random_id("t_")?;
    issue(wanted, minting.terms(bounds), state.unix_s(), &jti).map_err(ApiError::from)
}

/// The exact code of an ID token that is not verified.
pub(crate) fn code_of(not: &NotVerified) -> &'static str {
    match not {
        NotVerified::Fault(fault) => fault.code(),
        NotVerified::Issuer => "issuer_unknown",
        NotVerified::Unreachable => "issuer_unreachable",
    }
}

/// What to say about a refused ID token to somebody who may know.
pub(crate) fn detail_of(fault: IdTokenFault) -> &'static str {
    match fault {
        IdTokenFault::Malformed => "it is no ID token of at most 8192 bytes",
        IdTokenFault::Type => "it is another kind of token than an ID token",
        IdTokenFault::Alg => "its algorithm is not one of the issuer's algs",
        IdTokenFault::Signature => "the issuer has no such key, or did not sign it",
        IdTokenFault::Audience => "it is for another client than the issuer's client_ids",
        IdTokenFault::Expired => "its time is over, or has not begun",
        IdTokenFault::TooOld => "it was issued longer ago than id_token_age_s_max",
        IdTokenFault::Nonce => "its nonce is not the one that was sent",
    }
}
