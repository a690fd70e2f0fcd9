//! Revocations of an app: made, listed, lifted, of `routes`. The rule is in `spec/revocation.md`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State as Has,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stagedoor_bus::{Answer, Command, Revocation, Target, Then};
use stagedoor_token::{AppId, Limits, Refusal, RoleName};
use utoipa::ToSchema;

use super::{Asked, At, Body, Page, Paging, app_row, app_unknown, page_limit};
use crate::{
    caller::{Caller, Scope},
    error::{ApiError, Problem},
    idempotency::once,
    recorder::of_revocation,
    router::RequestId,
    state::{State, unix_s},
    store::{audit::Record, revocations::RevocationRow},
};

/// What is to be revoked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRevocation {
    /// `{"jti":…}`, `{"user":…}`, `{"room_user":{"room":…,"user":…}}`, `{"room":…}`,
    /// `{"room_role":{"room":…,"role":…}}`, `{"role":…}`, `{"key":…}` (its id), or `"app"`.
    #[schema(value_type = Object)]
    target: Target,
    /// Whether whatever token comes is refused, and none is minted; else only tokens from before are hit.
    ban: Option<bool>,
    /// When the ban ends, Unix seconds; without, it is for good.
    ends_at: Option<u64>,
    /// For how long members may bring another token before anything is done to their seats, in seconds;
    /// 0 unless given. Not for a ban.
    margin_s: Option<u32>,
    /// What is done to live seats: `"close"`, or `{"demote":…}` to a role, which is not for a ban; close
    /// unless given.
    #[schema(value_type = Option<Object>)]
    then: Option<Then>,
    /// Why, for people and the audit trail.
    reason: Option<String>,
}

/// A revocation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevocationView {
    /// Its number: the generation of the app that it began. Tokens of an earlier one are hit.
    generation: u64,
    /// What it is about.
    #[schema(value_type = Object)]
    target: Target,
    /// Whether it hits whatever token comes.
    ban: bool,
    /// When it was made, Unix seconds. Tokens without a generation are hit if issued then or before.
    at: u64,
    /// When the ban ends, Unix seconds.
    ends_at: Option<u64>,
    /// When the entry falls away, Unix seconds: no token that it could hit is alive. `null`: never.
    over_at: Option<u64>,
    /// Why.
    reason: Option<String>,
    /// Who made it: an API key's id, `root`, or a user.
    actor: String,
}

/// A revocation just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevocationCreated {
    /// The revocation.
    #[serde(flatten)]
    revocation: RevocationView,
    /// Live seats that it touched.
    seats: usize,
}

impl From<RevocationRow> for RevocationView {
    fn from(row: RevocationRow) -> Self {
        let RevocationRow { entry, over_s, actor } = row;
        Self {
            generation: entry.generation,
            target: entry.target,
            ban: entry.ban,
            at: entry.at_s,
            ends_at: entry.ends_s,
            over_at: over_s,
            reason: entry.reason,
            actor,
        }
    }
}

fn invalid(detail: String) -> ApiError {
    ApiError::Invalid { code: "revocation_invalid", detail: detail.into() }
}

fn check_text(what: &str, text: &str, bytes_max: usize) -> Result<(), ApiError> {
    if text.is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
        return Err(invalid(format!(
            "`{what}` is 1 to {bytes_max} bytes without control characters"
        )));
    }
    Ok(())
}

fn check_target(target: &Target) -> Result<(), ApiError> {
    const TOKEN: Limits = Limits::DEFAULT;
    let user = |user: &str| check_text("user", user, TOKEN.user_bytes_max);
    let room = |room: &str| check_text("room", room, TOKEN.room_bytes_max);
    let role = |role: &str| role.parse::<RoleName>().map(drop).map_err(ApiError::Refused);
    match target {
        Target::Jti(jti) => check_text("jti", jti, TOKEN.jti_bytes_max),
        Target::User(of) => user(of),
        Target::RoomUser { room: at, user: of } => room(at).and_then(|()| user(of)),
        Target::Room(at) => room(at),
        Target::RoomRole { room: at, role: of } => room(at).and_then(|()| role(of)),
        Target::Role(of) => role(of),
        Target::Key(kid) => check_text("key", kid, stagedoor_token::key::KID_BYTES_MAX),
        Target::App => Ok(()),
    }
}

/// What is asked, as an entry, and what becomes of live seats.
pub(crate) struct Act {
    pub(crate) entry: Revocation,
    pub(crate) margin_s: u32,
    pub(crate) then: Then,
}

impl NewRevocation {
    /// A ban of a user in a room.
    pub(crate) fn ban_in_room(
        room: &str,
        user: &str,
        ends_at: Option<u64>,
        reason: Option<String>,
    ) -> Self {
        let target = Target::RoomUser { room: room.into(), user: user.into() };
        Self { target, ban: Some(true), ends_at, margin_s: None, then: None, reason }
    }

    /// What is asked, if it makes sense.
    pub(crate) fn act(self, state: &State, app: AppId, now_s: u64) -> Result<Act, ApiError> {
        let Self { target, ban, ends_at, margin_s, then, reason } = self;
        check_target(&target)?;
        if let Some(reason) = &reason {
            check_text("reason", reason, state.config.revocation_reason_bytes_max)?;
        }
        let (margin_s, then) = (margin_s.unwrap_or(0), then.unwrap_or_default());
        let margin_s_max = state.config.revocation_margin_s_max;
        if margin_s > margin_s_max {
            return Err(invalid(format!("`margin_s` is 0 to {margin_s_max}")));
        }
        let ban = match (ban, ends_at) {
            (Some(false), Some(_)) => {
                return Err(invalid("`ends_at` is the end of a ban".into()));
            }
            (ban, ends_at) => ban.unwrap_or(ends_at.is_some()),
        };
        if ends_at.is_some_and(|ends_s| ends_s <= now_s) {
            return Err(invalid(format!("`ends_at` is after now, which is {now_s}")));
        }
        if ban && (margin_s > 0 || then != Then::Close) {
            return Err(invalid("a ban has no margin, and closes".into()));
        }
        if let Then::Demote(role) = &then {
            let directory = state.bus.directory();
            let roles = directory.app(app).map(|app| app.roles.clone()).unwrap_or_default();
            roles.get(role).ok_or(ApiError::Refused(Refusal::RoleUnknown))?;
        }
        let entry =
            Revocation { app, target, generation: 0, at_s: now_s, ends_s: ends_at, ban, reason };
        Ok(Act { entry, margin_s, then })
    }
}

/// Stores a revocation, tells the doors, lets the relay act on live seats, and records it; how many seats
/// that were. When the relay does not answer, the revocation stands all the same.
pub(crate) async fn make(
    state: &State,
    caller: &Caller,
    request_id: String,
    Act { entry, margin_s, then }: Act,
) -> Result<(RevocationRow, usize), ApiError> {
    let app = entry.app;
    // Counted apart: what kicks and logins put on the list, tokens' ids, must never be in a ban's way.
    let (ids, others) = state.bus.revocations().targets_of(app);
    let there = if matches!(entry.target, Target::Jti(_)) { ids } else { others };
    if there >= state.config.revocations_per_app_max as usize {
        return Err(ApiError::Conflict {
            code: "revocations_exceeded",
            detail: "the app has `revocations_per_app_max` revoked targets of this kind; revoke a wider one",
        });
    }
    let row = state.revoker.add(entry, caller.id()).await?.ok_or_else(app_unknown)?;
    let command = Command::Revoke { revocation: row.entry.clone(), margin_s, then };
    let seats = match state.bus.command(command).await {
        Ok(Answer::Done { seats }) => Ok(seats),
        Ok(_) => Err(ApiError::Internal),
        Err(error) => Err(error.into()),
    };
    let more = match &seats {
        Ok(seats) => format!(" seats={seats}"),
        Err(error) => format!(" seats_error={}", error.code()),
    };
    let record = of_revocation("revocation.add", &row, caller.id().into(), &more);
    state.recorder.record(Record { request_id: Some(request_id.into()), ..record }).await?;
    Ok((row, seats?))
}

/// Revokes: the doors refuse what it hits before it is answered, and live seats are acted on.
#[utoipa::path(post, path = "/v1/apps/{app}/revocations", tag = "revocations", request_body = NewRevocation,
    params(("app" = u32, Path), ("Idempotency-Key" = Option<String>, Header, description = "Asked again with it, nothing is made twice.")),
    responses((status = 201, body = RevocationCreated), (status = "4XX", body = Problem)))]
pub(crate) async fn create(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    At(app): At<AppId>,
    headers: HeaderMap,
    Body(new): Body<NewRevocation>,
) -> Result<Response, ApiError> {
    caller.may(app, Scope::TokensRevoke)?;
    app_row(&state, app).await?;
    let request = serde_json::to_value(("revocations", app, &new));
    let request = request.map_err(|_| ApiError::Internal)?;
    let create = async {
        let act = new.act(&state, app, unix_s())?;
        let (row, seats) = make(&state, &caller, request_id, act).await?;
        Ok(RevocationCreated { revocation: row.into(), seats })
    };
    once(&state, &caller, &headers, &request, "/secret", create).await
}

/// Lists revocations that are not over, newest first.
#[utoipa::path(get, path = "/v1/apps/{app}/revocations", tag = "revocations", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<RevocationView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<RevocationView>>, ApiError> {
    caller.may(app, Scope::TokensRevoke)?;
    app_row(&state, app).await?;
    let limit = page_limit(&state, paging.limit)?;
    let malformed =
        |_| ApiError::Malformed { code: "query_invalid", detail: "`after` is a number".into() };
    let before = paging.after.map_or(Ok(u64::MAX), |after| after.parse()).map_err(malformed)?;
    let rows = state.store.revocations(app, before, unix_s(), limit + 1).await?;
    let items = rows.into_iter().map(RevocationView::from).collect();
    Ok(Json(Page::cut(items, limit, |entry: &RevocationView| entry.generation.to_string())))
}

/// Lifts a revocation: tokens that no other one hits are good again. Seats that it closed stay closed.
#[utoipa::path(delete, path = "/v1/apps/{app}/revocations/{generation}", tag = "revocations",
    params(("app" = u32, Path), ("generation" = u64, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn lift(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    At((app, generation)): At<(AppId, u64)>,
) -> Result<StatusCode, ApiError> {
    caller.may(app, Scope::TokensRevoke)?;
    app_row(&state, app).await?;
    let lifted = state.revoker.lift(app, generation).await?;
    let row = lifted.ok_or(ApiError::NotFound {
        code: "revocation_unknown",
        detail: "the app has no such revocation, or it is over",
    })?;
    let record = of_revocation("revocation.lift", &row, caller.id().into(), "");
    state.recorder.record(Record { request_id: Some(request_id.into()), ..record }).await?;
    Ok(StatusCode::NO_CONTENT)
}
