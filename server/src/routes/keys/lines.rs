//! Lines of keys: rotated, bounded, ended.

use axum::{Json, http::StatusCode};
use stagedoor_bus::{Actor, Answer, Command, REVOCATION_KEPT_S, Revocation, Target, Then};
use stagedoor_token::{AppId, KeyState};

use super::{
    super::{Body, MaybeBody, Path, app_in},
    KeyCreated, Place, limits_of, make, may_bounds, record, unknown,
    views::{LineChange, LineView, Rotated, Rotation, alg_of, bounds_of, line_of},
};
use crate::{
    act::Audited,
    doors::News,
    error::ApiError,
    lines::{MAIN, Successor, check_line, live, retires_s, succession},
    scope::Scope,
    state::AppState,
    store::{keys::KeyRow, revocations::RevocationRow, write::Tx},
    under_way::UnderWay,
};

/// The reason in the revocation of a key that leaked.
const COMPROMISED: &str = "the key is compromised";

/// Retires a key at once and revokes its tokens, in this transaction. Returns what the doors must learn besides the
/// app's new state, and the revocation, whose seats are to be closed.
///
/// Beyond `revocations_per_app_max` too: a leak must be ended, and an app has few keys.
pub(crate) async fn compromise(
    tx: &mut Tx,
    key: &mut KeyRow,
    by: &Actor,
    now_ms: u64,
) -> Result<Revocation, ApiError> {
    key.retire(now_ms);
    tx.change_key(key).await?;
    let mut row = RevocationRow::new(whatever_it_signed(key, COMPROMISED, now_ms), by);
    row.entry.generation = tx.add_revocation(&row).await?.ok_or(ApiError::Internal)?;
    Ok(row.entry)
}

/// The revocation of a key whose secret others have. A ban, because they also choose `gen` and `iat` of what they sign;
/// until the last token that the key can have signed has ended. No door takes a retired key even then.
pub(crate) fn whatever_it_signed(key: &KeyRow, reason: &str, now_ms: u64) -> Revocation {
    let at_s = now_ms / 1_000;
    Revocation {
        app: key.app,
        target: Target::Key(key.kid.clone()),
        generation: 0,
        at_s,
        ends_s: Some(at_s + REVOCATION_KEPT_S),
        ban: true,
        reason: Some(reason.into()),
    }
}

/// Has the relay close the seats that a revocation hits; returns how many.
pub(crate) async fn close_seats(
    state: &AppState,
    revocation: Revocation,
) -> Result<usize, ApiError> {
    let command = Command::Revoke { revocation, margin_s: 0, then: Then::Close };
    match state.bus.command(command).await {
        Ok(Answer::Done { seats }) => Ok(seats),
        Ok(_) => Err(ApiError::Internal),
        Err(error) => Err(error.into()),
    }
}

/// What a rotation left behind.
struct Turned {
    old: KeyRow,
    new: KeyRow,
    created: Option<KeyCreated>,
    revocation: Option<Revocation>,
}

/// Rotates a line in one transaction.
async fn turn(
    audited: &Audited,
    app: AppId,
    line: &str,
    asked: &Rotation,
) -> Result<Turned, ApiError> {
    let (alg, compromised) = (alg_of(asked.alg.as_deref())?, asked.compromised == Some(true));
    let state = &audited.state;
    let mut tx = state.store.begin().await?;
    let app_row = app_in(&mut tx, app).await?;
    let keys = tx.keys(app).await?;
    key_in(audited, app, &keys, line)?;
    let succession = succession(&keys, line, alg, compromised, limits_of(&state.config))?;
    // From here on nothing is minted with the old key, so that no token of it is from after the rotation.
    let hold = state.doors.hold(&tx, std::iter::once(app)).await;
    let now_ms = state.unix_ms();
    let mut old = succession.old.clone();
    // Retire first: there is never more than one current key.
    let revocation = if compromised {
        Some(compromise(&mut tx, &mut old, &audited.caller.actor(), now_ms).await?)
    } else {
        old.state = KeyState::Retiring;
        old.times.retiring_ms = Some(now_ms);
        old.times.retires_ms = Some(retires_s(&app_row, now_ms / 1_000).saturating_mul(1_000));
        tx.change_key(&old).await?;
        None
    };
    let (new, created) = match succession.new {
        Successor::Next(next) => {
            let mut new = next.clone();
            new.state = KeyState::Current;
            new.times.current_ms = Some(now_ms);
            tx.change_key(&new).await?;
            (new, None)
        }
        Successor::Made(alg) => {
            let (line, bounds) = (line.to_owned(), old.bounds.clone());
            let new = make(Place { app, line, bounds, state: KeyState::Current, now_ms }, alg)?;
            tx.add_key(&new).await?;
            let created = KeyCreated::of(&new);
            (new, Some(created))
        }
    };
    tx.prune_retired(app, state.config.retired_keys_per_app_max).await?;
    let said = record(audited, "key.rotate", &new).detail(&format!("old={}", old.kid));
    tx.add_record(match &revocation {
        Some(entry) => said.detail(&format!("compromised generation={}", entry.generation)),
        None => said,
    })
    .await?;
    let mut news = vec![(app, News::App(state.app_in(&mut tx, app).await?))];
    news.extend(revocation.clone().map(|entry| (app, News::Revoked(entry))));
    state.doors.commit_held(hold, tx, news).await?;
    state.retirements.notify_one();
    Ok(Turned { old, new, created, revocation })
}

/// Rotates a line of keys.
///
/// The next key becomes current (one is made if there is none) and signs from now on. The one that was current still
/// verifies the tokens that it signed, until `retires_at`, when the last of them has ended. With `compromised` it is
/// retired and revoked at once, and every seat of its tokens is closed. Of two rotations of a line at once the second
/// is refused.
#[utoipa::path(post, path = "/v1/apps/{app}/keys/rotate", tag = "keys", request_body = Option<Rotation>,
    params(("app" = u32, Path)),
    responses((status = 200, body = Rotated)))]
pub(crate) async fn rotate(
    audited: Audited,
    Path(app): Path<AppId>,
    MaybeBody(asked): MaybeBody<Rotation>,
) -> Result<Json<Rotated>, ApiError> {
    audited.caller.may(app, Scope::KeysManage)?;
    let line = line_of(asked.line.clone())?;
    let busy = ApiError::Conflict {
        code: "key_busy",
        detail: "the line is being rotated by another request; list the keys to see the result",
    };
    let name = (format!("{app}"), line.clone());
    let _under_way = UnderWay::begin(&audited.state.rotations, name).ok_or(busy)?;
    let Turned { old, new, created, revocation } = turn(&audited, app, &line, &asked).await?;
    let seats = match revocation {
        Some(revocation) => Some(close_seats(&audited.state, revocation).await?),
        None => None,
    };
    let (retiring, retired) = match old.state {
        KeyState::Retired => (None, Some(old.kid)),
        _ => (Some(old.kid), None),
    };
    let retires_at = retiring.as_ref().and(old.times.retires_ms).map(|at_ms| at_ms / 1_000);
    Ok(Json(Rotated { line, current: new.kid, retiring, retires_at, retired, seats, created }))
}

/// A key of the line that is not retired, if the caller may handle it.
fn key_in<'a>(
    audited: &Audited,
    app: AppId,
    keys: &'a [KeyRow],
    line: &str,
) -> Result<&'a KeyRow, ApiError> {
    let caller = &audited.caller;
    let none = "the line has no key that is not retired; create its first";
    let key = live(keys, line).ok_or_else(|| unknown(caller, app, none))?;
    may_bounds(caller, app, &key.bounds, false).map(|()| key)
}

/// Changes the bounds of a line.
///
/// They hold for every key of the line, and from now on for tokens that it has signed already: the door refuses those
/// that go beyond. Live seats go on.
#[utoipa::path(patch, path = "/v1/apps/{app}/keys/lines/{line}", tag = "keys", request_body = LineChange,
    params(("app" = u32, Path), ("line" = String, Path, max_length = 32, pattern = "^[a-z0-9_-]+$")),
    responses((status = 200, body = LineView)))]
pub(crate) async fn bound(
    audited: Audited,
    Path((app, line)): Path<(AppId, String)>,
    Body(change): Body<LineChange>,
) -> Result<Json<LineView>, ApiError> {
    audited.caller.may(app, Scope::KeysManage)?;
    check_line(&line)?;
    let bounds = bounds_of(&change.bounds)?;
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    let keys = tx.keys(app).await?;
    key_in(&audited, app, &keys, &line)?;
    may_bounds(&audited.caller, app, &bounds, true)?;
    tx.bound_line(app, &line, &bounds).await?;
    let text = serde_json::to_string(&bounds).map_err(|_| ApiError::Internal)?;
    let record = audited.record(app, "key.bound").detail(&format!("line={line}"));
    tx.add_record(record.detail(&format!("bounds={text}"))).await?;
    audited.state.commit_app(tx, app).await?;
    Ok(Json(LineView { line, bounds }))
}

/// Ends a line.
///
/// All its keys are retired at once, the current one too, so that none of its tokens opens anything any more. Live seats
/// go on; a revocation of each key closes them. The line `main`, with which the server mints, does not end.
#[utoipa::path(delete, path = "/v1/apps/{app}/keys/lines/{line}", tag = "keys",
    params(("app" = u32, Path), ("line" = String, Path, max_length = 32, pattern = "^[a-z0-9_-]+$")),
    responses((status = 204)))]
pub(crate) async fn end(
    audited: Audited,
    Path((app, line)): Path<(AppId, String)>,
) -> Result<StatusCode, ApiError> {
    audited.caller.may(app, Scope::KeysManage)?;
    check_line(&line)?;
    if line == MAIN {
        return Err(ApiError::Conflict {
            code: "key_current",
            detail: "the server mints with `main`; rotate it instead",
        });
    }
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    let keys = tx.keys(app).await?;
    key_in(&audited, app, &keys, &line)?;
    let now_ms = audited.state.unix_ms();
    for mut key in keys.into_iter().filter(|key| key.line == line && key.state != KeyState::Retired)
    {
        key.retire(now_ms);
        tx.change_key(&key).await?;
    }
    tx.prune_retired(app, audited.state.config.retired_keys_per_app_max).await?;
    tx.add_record(audited.record(app, "key.line_end").detail(&format!("line={line}"))).await?;
    audited.state.commit_app(tx, app).await?;
    Ok(StatusCode::NO_CONTENT)
}
