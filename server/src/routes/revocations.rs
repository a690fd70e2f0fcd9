//! Revocations of an app: made, listed, lifted. The rule is in `spec/revocation.md`.

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stagedoor_bus::{ActorKind, Answer, Command, Revocation, Target, Then};
use stagedoor_token::{AppId, Fault, Limits, Refusal, RoleName};
use utoipa::ToSchema;

use super::{
    Body, Page, Paging, Path, Query, Reader, app_in, app_row, app_unknown, forms, number_after,
    page_limit,
};
use crate::{
    act::Audited,
    caller::Scope,
    doors::News,
    error::ApiError,
    idempotency::{Created, NO_SECRET, Once},
    record::Record,
    recorder::events::of_revocation,
    state::AppState,
    store::{revocations::RevocationRow, write::Tx},
};

/// What is to be revoked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRevocation {
    /// `{"jti":…}`, `{"user":…}`, `{"room_user":{"room":…,"user":…}}`, `{"room":…}`,
    /// `{"room_role":{"room":…,"role":…}}`, `{"role":…}`, `{"key":…}` (its id), or `"app"`.
    #[schema(value_type = forms::Target)]
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
    #[schema(value_type = Option<forms::Then>)]
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
    #[schema(value_type = forms::Target)]
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
    /// Who made it: an API key's id, a user id, `root`, or `relay` for a token that is used up.
    actor: String,
    /// What kind of actor: `root`, `api_key`, `user` or `relay`; `null` in entries of older servers.
    #[schema(value_type = Option<forms::ActorKind>)]
    actor_kind: Option<ActorKind>,
}

/// A revocation just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevocationCreated {
    /// The revocation.
    #[serde(flatten)]
    revocation: RevocationView,
    /// What is done to live seats that it hits.
    #[schema(value_type = forms::Then)]
    then: Then,
    /// For how long their members may bring another token first, in seconds.
    margin_s: u32,
    /// Live seats that it touched; `null` only in a repeated answer, where the relay had not acted yet.
    seats: Option<usize>,
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
            actor: actor.id,
            actor_kind: actor.kind,
        }
    }
}

fn invalid(field: &str, detail: String) -> ApiError {
    ApiError::Invalid { code: "revocation_invalid", detail: detail.into() }.at(field)
}

fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), ApiError> {
    if text.is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
        let detail = format!("`{field}` is 1 to {bytes_max} bytes without control characters");
        return Err(invalid(field, detail));
    }
    Ok(())
}

fn check_target(target: &Target) -> Result<(), ApiError> {
    const TOKEN: Limits = Limits::DEFAULT;
    let user = |field, user: &str| check_text(field, user, TOKEN.user_bytes_max);
    let room = |field, room: &str| check_text(field, room, TOKEN.room_bytes_max);
    let role = |field: &str, role: &str| {
        let fault = |refusal| Fault::from(refusal).at(field.into());
        role.parse::<RoleName>().map(drop).map_err(|refusal| fault(refusal).into())
    };
    match target {
        Target::Jti(jti) => check_text("target.jti", jti, TOKEN.jti_bytes_max),
        Target::User(of) => user("target.user", of),
        Target::RoomUser { room: at, user: of } => {
            room("target.room_user.room", at).and_then(|()| user("target.room_user.user", of))
        }
        Target::Room(at) => room("target.room", at),
        Target::RoomRole { room: at, role: of } => {
            room("target.room_role.room", at).and_then(|()| role("target.room_role.role", of))
        }
        Target::Role(of) => role("target.role", of),
        Target::Key(kid) => check_text("target.key", kid, stagedoor_token::key::KID_BYTES_MAX),
        Target::App => Ok(()),
    }
}

/// What is asked, as an entry, and what becomes of live seats.
struct Act {
    entry: Revocation,
    margin_s: u32,
    then: Then,
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
    fn act(self, state: &AppState, app: AppId, now_s: u64) -> Result<Act, ApiError> {
        let Self { target, ban, ends_at, margin_s, then, reason } = self;
        check_target(&target)?;
        if let Some(reason) = &reason {
            check_text("reason", reason, state.config.revocation_reason_bytes_max)?;
        }
        let (margin_s, then) = (margin_s.unwrap_or(0), then.unwrap_or_default());
        let margin_s_max = state.config.revocation_margin_s_max;
        if margin_s > margin_s_max {
            return Err(invalid("margin_s", format!("`margin_s` is 0 to {margin_s_max}")));
        }
        let ban = match (ban, ends_at) {
            (Some(false), Some(_)) => {
                return Err(invalid("ends_at", "`ends_at` is the end of a ban".into()));
            }
            (ban, ends_at) => ban.unwrap_or(ends_at.is_some()),
        };
        if ends_at.is_some_and(|ends_s| ends_s <= now_s) {
            let detail = format!("`ends_at` is after now, which is {now_s}");
            return Err(invalid("ends_at", detail));
        }
        let ban_s_max = state.config.revocation_ban_s_max;
        if ends_at.is_some_and(|ends_s| ends_s - now_s > ban_s_max) {
            let detail =
                format!("`ends_at` is at most {ban_s_max} s from now; a longer ban has no end");
            return Err(invalid("ends_at", detail));
        }
        if ban && (margin_s > 0 || then != Then::Close) {
            let field = if margin_s > 0 { "margin_s" } else { "then" };
            return Err(invalid(field, "a ban has no margin, and closes".into()));
        }
        if let Then::Demote(role) = &then {
            let directory = state.bus.directory();
            let roles = directory.app(app).map(|app| app.roles.clone()).unwrap_or_default();
            let unknown = || Fault::from(Refusal::RoleUnknown).at("then.demote".into());
            roles.get(role).ok_or_else(unknown)?;
        }
        let entry =
            Revocation { app, target, generation: 0, at_s: now_s, ends_s: ends_at, ban, reason };
        Ok(Act { entry, margin_s, then })
    }
}

/// Stores a revocation and tells the doors: from now on it stands. `also` is a record of what else it is.
async fn store(
    audited: &Audited,
    mut tx: Tx,
    entry: Revocation,
    also: Option<Record>,
    once: Option<(&Once, u32, &Then)>,
) -> Result<RevocationRow, ApiError> {
    let app = entry.app;
    // Counted apart: what kicks and logins put on the list, tokens' ids, must never be in a ban's way.
    let (ids, others) = audited.state.bus.revocations().targets_of(app);
    let there = if matches!(entry.target, Target::Jti(_)) { ids } else { others };
    if there >= audited.state.config.revocations_per_app_max as usize {
        return Err(ApiError::Conflict {
            code: "revocations_exceeded",
            detail: "the app has `revocations_per_app_max` revoked targets of this kind; revoke a wider one",
        });
    }
    let mut row = RevocationRow::new(entry, &audited.caller.actor());
    let generation = tx.add_revocation(&row).await?.ok_or_else(app_unknown)?;
    row.entry.generation = generation;
    tx.add_record(of_row(audited, "revocation.add", &row)).await?;
    if let Some(record) = also {
        tx.add_record(record.detail(&format!("ban generation={generation}"))).await?;
    }
    if let Some((once, margin_s, then)) = once {
        // As long as nobody knows of seats, which comes only after.
        let revocation = row.clone().into();
        let created = RevocationCreated { revocation, then: then.clone(), margin_s, seats: None };
        once.keep(&mut tx, &created, NO_SECRET).await?;
    }
    audited.state.doors.commit(tx, app, News::Revoked(row.entry.clone())).await?;
    Ok(row)
}

/// A record of what was done with a revocation.
fn of_row(audited: &Audited, kind: &str, row: &RevocationRow) -> Record {
    of_revocation(audited.record(row.entry.app, kind), row)
}

/// State the relay act on live seats; how many those were. It is recorded if there were some, or if the relay did not
/// answer: the revocation stands all the same.
async fn act_on_seats(
    audited: &Audited,
    row: &RevocationRow,
    margin_s: u32,
    then: Then,
) -> Result<usize, ApiError> {
    let command = Command::Revoke { revocation: row.entry.clone(), margin_s, then };
    let seats = match audited.state.bus.command(command).await {
        Ok(Answer::Done { seats }) => Ok(seats),
        Ok(_) => Err(ApiError::Internal),
        Err(error) => Err(error.into()),
    };
    let generation = row.entry.generation;
    let (code, detail) = match &seats {
        Ok(0) => return seats,
        Ok(seats) => ("ok", format!("generation={generation} seats={seats}")),
        Err(error) => (error.code(), format!("generation={generation}")),
    };
    let record = audited.record(row.entry.app, "revocation.seats");
    let record = record.with_code(code).detail(&detail);
    // What is done is done, and has a record of its own.
    let _ = audited.state.recorder.record(record).await;
    seats
}

/// Bans a user from a room; `record` is of how it was asked. Its number, and how many seats it touched.
pub(crate) async fn ban(
    audited: &Audited,
    app: AppId,
    new: NewRevocation,
    record: Record,
) -> Result<(u64, usize), ApiError> {
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    let Act { entry, margin_s, then } = new.act(&audited.state, app, audited.state.unix_s())?;
    let row = store(audited, tx, entry, Some(record), None).await?;
    let seats = act_on_seats(audited, &row, margin_s, then).await?;
    Ok((row.entry.generation, seats))
}

/// Keeps the answer as it is now that the seats are known.
async fn keep(
    state: &AppState,
    once: &Once,
    app: AppId,
    created: &RevocationCreated,
) -> Result<Response, ApiError> {
    let mut tx = state.store.begin().await?;
    let answer = once.keep(&mut tx, created, NO_SECRET).await?;
    state.doors.commit(tx, app, News::Nothing).await?;
    Ok(answer)
}

/// Revokes tokens, or bans.
///
/// By token, user, room, role, key or the whole app. Every relay refuses what it hits before the answer comes, and
/// live seats are closed or, with `then`, get another role. A revocation hits the tokens minted until now; with
/// `margin_s` live seats have that long to renew with another one. A `ban` hits later tokens too, until `ends_at`
/// or until it is lifted.
#[utoipa::path(post, path = "/v1/apps/{app}/revocations", tag = "revocations", request_body = NewRevocation,
    params(("app" = u32, Path)),
    responses((status = 201, body = Created<RevocationCreated>)))]
pub(crate) async fn create(
    audited: Audited,
    Path(app): Path<AppId>,
    headers: HeaderMap,
    Body(new): Body<NewRevocation>,
) -> Result<Response, ApiError> {
    audited.caller.may(app, Scope::TokensRevoke)?;
    let once = Once::begin(&audited.state, &audited.caller, &headers, &("revocations", app, &new))?;
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    if let Some(kept) = once.kept(&mut tx).await? {
        return Ok(kept);
    }
    let Act { entry, margin_s, then } = new.act(&audited.state, app, audited.state.unix_s())?;
    let row = store(&audited, tx, entry, None, Some((&once, margin_s, &then))).await?;
    let seats = act_on_seats(&audited, &row, margin_s, then.clone()).await?;
    let created = RevocationCreated { revocation: row.into(), then, margin_s, seats: Some(seats) };
    if !once.has_key() {
        return Created::first(&created);
    }
    // The first kept answer, without the seats, is good enough where this one cannot be written.
    let kept = keep(&audited.state, &once, app, &created).await;
    kept.or_else(|_| Created::first(&created))
}

/// Lists revocations that are not over, newest first.
///
/// One is over when every token that it can hit has expired, or its ban has ended.
#[utoipa::path(get, path = "/v1/apps/{app}/revocations", tag = "revocations", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<RevocationView>)))]
pub(crate) async fn list(
    Reader { state, caller }: Reader,
    Path(app): Path<AppId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RevocationView>>, ApiError> {
    caller.may(app, Scope::TokensRevoke)?;
    let _look = state.doors.look(app).await;
    app_row(&state, app).await?;
    let limit = page_limit(&state.config, paging.limit)?;
    let before = number_after(paging.after.as_deref())?.unwrap_or(u64::MAX);
    let rows = state.store.revocations(app, before, state.unix_s(), limit + 1).await?;
    let items = rows.into_iter().map(RevocationView::from).collect();
    Ok(Json(Page::cut(items, limit, |entry: &RevocationView| entry.generation.to_string())))
}

/// Lifts a revocation.
///
/// Tokens that no other revocation hits are good again. Seats that it closed stay closed: their members log in
/// again.
#[utoipa::path(delete, path = "/v1/apps/{app}/revocations/{generation}", tag = "revocations",
    params(("app" = u32, Path), ("generation" = u64, Path)),
    responses((status = 204)))]
pub(crate) async fn lift(
    audited: Audited,
    Path((app, generation)): Path<(AppId, u64)>,
) -> Result<StatusCode, ApiError> {
    audited.caller.may(app, Scope::TokensRevoke)?;
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    let lifted = tx.lift_revocation(app, generation).await?;
    let (row, left) = lifted.ok_or(ApiError::NotFound {
        code: "revocation_unknown",
        detail: "the app has no such revocation, or it is over",
    })?;
    tx.add_record(of_row(&audited, "revocation.lift", &row)).await?;
    let target = row.entry.target;
    audited.state.doors.commit(tx, app, News::Lifted { target, left }).await?;
    Ok(StatusCode::NO_CONTENT)
}
