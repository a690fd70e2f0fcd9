//! Revocations of an app: made, listed, lifted. The rule is in `spec/revocation.md`.

mod target;

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stagedoor_bus::{ActorKind, Answer, Command, Revocation, Target, Then};
use stagedoor_token::{AppId, Fault, Refusal};
use utoipa::ToSchema;

use self::target::{check_target, check_text, invalid, room_of};
use super::{
    Body, Page, Paging, Path, Query, Reader, app_in, app_row, app_unknown, forms, number_after,
    page_limit,
};
use crate::{
    act::Audited,
    doors::News,
    error::ApiError,
    idempotency::{Created, NO_SECRET, Once},
    record::Record,
    recorder::events::of_revocation,
    scope::Scope,
    state::AppState,
    store::{revocations::RevocationRow, write::Tx},
};

/// A revocation to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRevocation {
    /// `{"jti":…}`, `{"user":…}`, `{"room_user":{"room":…,"user":…}}`, `{"room":…}`,
    /// `{"room_role":{"room":…,"role":…}}`, `{"role":…}`, `{"key":…}` (its id), or `"app"`.
    #[schema(value_type = forms::Target)]
    target: Target,
    /// Whether it is a ban: it refuses every token and blocks minting. Otherwise only tokens from before are revoked.
    ban: Option<bool>,
    /// When the ban ends, Unix seconds; without one it does not end.
    ends_at: Option<u64>,
    /// How long members may present another token before the revocation acts on their seats, in seconds; 0 by default.
    /// Not for bans.
    margin_s: Option<u32>,
    /// What happens to live seats: `"close"`, or `{"demote":…}` to a role, which is not for bans; `close` by default.
    #[schema(value_type = Option<forms::Then>)]
    then: Option<Then>,
    /// The reason, for people and the audit trail.
    reason: Option<String>,
}

/// A revocation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevocationView {
    /// Its number: the generation of the app that it began. It covers tokens of earlier generations.
    generation: u64,
    /// The tokens it covers.
    #[schema(value_type = forms::Target)]
    target: Target,
    /// Whether it is a ban, which covers all tokens of its target.
    ban: bool,
    /// When it was made, Unix seconds. Of tokens without a generation it covers those issued until then.
    at: u64,
    /// When the ban ends, Unix seconds; `null`: never.
    ends_at: Option<u64>,
    /// When the entry expires, Unix seconds, because no token that it covers is still valid. `null`: never.
    over_at: Option<u64>,
    /// The reason.
    reason: Option<String>,
    /// Who made it: an API key's id, a user id, `root`, or `relay` for a one-time token that was used.
    actor: String,
    /// The kind of actor: `root`, `api_key`, `user` or `relay`; `null` in entries from older servers.
    #[schema(value_type = Option<forms::ActorKind>)]
    actor_kind: Option<ActorKind>,
}

/// A new revocation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevocationCreated {
    /// The revocation.
    #[serde(flatten)]
    revocation: RevocationView,
    /// What happens to live seats that it hits.
    #[schema(value_type = forms::Then)]
    then: Then,
    /// How long their members may present another token first, in seconds.
    margin_s: u32,
    /// Live seats that it touched; `null` only in a replay, if the relay had not acted yet.
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

/// The requested entry, and what happens to live seats.
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

    /// The requested revocation, if it makes sense.
    fn act(self, state: &AppState, app: AppId, now_s: u64) -> Result<Act, ApiError> {
        let Self { target, ban, ends_at, margin_s, then, reason } = self;
        check_target(&target)?;
        if let Some(reason) = &reason {
            check_text("reason", reason, state.config.revocation_reason_bytes_max)?;
        }
        let (margin_s, then) = (margin_s.unwrap_or(0), then.unwrap_or_default());
        let margin_s_max = state.config.revocation_margin_s_max;
        if margin_s > margin_s_max {
            return Err(invalid("margin_s", format!("`margin_s` must be 0 to {margin_s_max}")));
        }
        let ban = match (ban, ends_at) {
            (Some(false), Some(_)) => {
                return Err(invalid(
                    "ends_at",
                    "`ends_at` is only for bans; set `ban`, or leave it out".into(),
                ));
            }
            (ban, ends_at) => ban.unwrap_or(ends_at.is_some()),
        };
        if ends_at.is_some_and(|ends_s| ends_s <= now_s) {
            let detail = format!("`ends_at` must be later than now, which is {now_s}");
            return Err(invalid("ends_at", detail));
        }
        let ban_s_max = state.config.revocation_ban_s_max;
        if ends_at.is_some_and(|ends_s| ends_s - now_s > ban_s_max) {
            let detail = format!(
                "`ends_at` must be at most {ban_s_max} s from now; leave it out for a ban without an end"
            );
            return Err(invalid("ends_at", detail));
        }
        if ban && (margin_s > 0 || then != Then::Close) {
            let field = if margin_s > 0 { "margin_s" } else { "then" };
            return Err(invalid(
                field,
                "a ban has no margin and always closes seats; leave this field out".into(),
            ));
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

/// Stores a revocation and updates the doors; it holds from then on. `also` is a second record about it.
async fn store(
    audited: &Audited,
    mut tx: Tx,
    entry: Revocation,
    also: Option<Record>,
    once: Option<(&Once, u32, &Then)>,
) -> Result<RevocationRow, ApiError> {
    let app = entry.app;
    // Counted by kind: the token ids that kicks and logins add must never block a ban.
    let (ids, others) = audited.state.bus.revocations().targets_of(app);
    let there = if matches!(entry.target, Target::Jti(_)) { ids } else { others };
    if there >= audited.state.config.revocations_per_app_max as usize {
        return Err(ApiError::Conflict {
            code: "revocations_exceeded",
            detail: "the app already has `revocations_per_app_max` revoked targets of this kind; revoke a wider target instead",
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
        // The seats are unknown until the relay has acted.
        let revocation = row.clone().into();
        let created = RevocationCreated { revocation, then: then.clone(), margin_s, seats: None };
        once.keep(&mut tx, &created, NO_SECRET).await?;
    }
    audited.state.doors.commit(tx, app, News::Revoked(row.entry.clone())).await?;
    Ok(row)
}

/// The record of an act on a revocation.
fn of_row(audited: &Audited, kind: &str, row: &RevocationRow) -> Record {
    of_revocation(audited.record(row.entry.app, kind), row)
}

/// Has the relay act on live seats; returns how many it touched. Recorded if there were any, or if the relay did not
/// answer, although the revocation holds either way.
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
    // The act is done and has its own record.
    let _ = audited.state.recorder.record(record).await;
    seats
}

/// Bans a user from a room; `record` describes the request. Returns the ban's number and how many seats it touched.
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

/// Revokes one token, and closes its live seats.
pub(crate) async fn revoke_token(audited: &Audited, app: AppId, jti: &str) -> Result<(), ApiError> {
    let mut tx = audited.state.store.begin().await?;
    // Without its app there is nothing left to revoke.
    if tx.app(app).await?.is_none() {
        return Ok(());
    }
    let entry = Revocation {
        app,
        target: Target::Jti(jti.into()),
        generation: 0,
        at_s: audited.state.unix_s(),
        ends_s: None,
        ban: false,
        reason: None,
    };
    let row = store(audited, tx, entry, None, None).await?;
    act_on_seats(audited, &row, 0, Then::Close).await.map(drop)
}

/// Saves the answer again, now that the seats are known.
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
/// or until it is lifted. A credential with bounds on rooms revokes in those rooms only: by room, room and user, or
/// room and role.
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
    audited.caller.reaches(room_of(&new.target))?;
    if let Some(Then::Demote(role)) = &new.then {
        audited.gives_role(app, role)?;
    }
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
    // If this cannot be written, the first saved answer, without the seats, has to do.
    let kept = keep(&audited.state, &once, app, &created).await;
    kept.or_else(|_| Created::first(&created))
}

/// Lists revocations that are not over, newest first.
///
/// One is over when every token that it can hit has expired, or its ban has ended. A credential with bounds sees
/// those of rooms within them, so a page may hold few entries, or none, while `next` says that more follow.
#[utoipa::path(get, path = "/v1/apps/{app}/revocations", tag = "revocations", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<RevocationView>)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
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
    let page = Page::cut(items, limit, |entry: &RevocationView| entry.generation.to_string());
    Ok(Json(page.only(|entry| caller.reaches(room_of(&entry.target)).is_ok())))
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
        detail: "the app has no such revocation, or it has expired",
    })?;
    // What is refused here is not committed.
    audited.caller.reaches(room_of(&row.entry.target))?;
    tx.add_record(of_row(&audited, "revocation.lift", &row)).await?;
    let target = row.entry.target;
    audited.state.doors.commit(tx, app, News::Lifted { target, left }).await?;
    Ok(StatusCode::NO_CONTENT)
}
