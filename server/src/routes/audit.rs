//! The audit trail: of one app, and all of it for the operator.

use axum::Json;
use serde::Deserialize;
use stagedoor_bus::ActorKind;
use stagedoor_token::AppId;
use utoipa::IntoParams;

use super::{Page, Path, Query, Reader, app_row, forms, number, number_after, page_limit};
use crate::{
    caller::Scope,
    error::ApiError,
    state::AppState,
    store::audit::{Filter, OfApp, RecordRow},
};

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Entries at most; 50 unless asked.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only with this code.
    code: Option<String>,
    /// Only of this room.
    room: Option<String>,
    /// Only of this user.
    user: Option<String>,
    /// Only of the token of this id.
    jti: Option<String>,
    /// Only by this actor.
    actor: Option<String>,
    /// Only by actors of this kind: `root`, `api_key`, `user`, `relay` or `system`.
    #[param(value_type = Option<forms::ActorKind>, inline)]
    actor_kind: Option<String>,
    /// Only from this time on, Unix milliseconds.
    from_ms: Option<i64>,
    /// Only before this time, Unix milliseconds.
    to_ms: Option<i64>,
}

/// Which records of the whole trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichOfAll {
    /// Only of this AppID, also of apps that had it before; `none`: of no app.
    #[param(pattern = "^(none|[0-9]{1,10})$")]
    app: Option<String>,
    /// Entries at most; 50 unless asked.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only with this code.
    code: Option<String>,
    /// Only of this room.
    room: Option<String>,
    /// Only of this user.
    user: Option<String>,
    /// Only of the token of this id.
    jti: Option<String>,
    /// Only by this actor.
    actor: Option<String>,
    /// Only by actors of this kind: `root`, `api_key`, `user`, `relay` or `system`.
    #[param(value_type = Option<forms::ActorKind>, inline)]
    actor_kind: Option<String>,
    /// Only from this time on, Unix milliseconds.
    from_ms: Option<i64>,
    /// Only before this time, Unix milliseconds.
    to_ms: Option<i64>,
}

fn malformed(detail: &'static str) -> ApiError {
    ApiError::Malformed { code: "query_invalid", detail: detail.into() }
}

fn kind_of(text: &str) -> Result<ActorKind, ApiError> {
    let unknown = "`actor_kind` is `root`, `api_key`, `user`, `relay` or `system`";
    ActorKind::named(text).ok_or_else(|| malformed(unknown))
}

/// Before which record a page begins.
fn before(after: Option<&str>, newest: i64) -> Result<i64, ApiError> {
    let after = number_after(after)?.map(|after| i64::try_from(after).unwrap_or(i64::MAX));
    Ok(after.unwrap_or(i64::MAX).min(newest + 1))
}

async fn page(
    state: &AppState,
    limit: Option<u32>,
    filter: Filter,
) -> Result<Json<Page<RecordRow>>, ApiError> {
    let limit = page_limit(&state.config, limit)?;
    let records = state.store.records(&filter, limit + 1).await?;
    Ok(Json(Page::cut(records, limit, |record: &RecordRow| record.id.to_string())))
}

/// Lists an app's records, newest first.
///
/// Who did what, to whom, from where, and with which result: API calls, logins, moderation. All filters given must
/// match. Tokens and secrets are never in it.
#[utoipa::path(get, path = "/v1/apps/{app}/audit", tag = "audit", params(("app" = u32, Path), Which),
    responses((status = 200, body = Page<RecordRow>)))]
pub(crate) async fn list(
    Reader { state, caller }: Reader,
    Path(app): Path<AppId>,
    Query(which): Query<Which>,
) -> Result<Json<Page<RecordRow>>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    // Of what the doors know by now. The page itself may take long, and nobody may wait for it.
    let (app, newest) = {
        let _look = state.doors.look(app).await;
        let app = OfApp::Life(app_row(&state, app).await?.life());
        (app, state.store.newest_record().await?)
    };
    let Which { limit, after, kind, code, room, user, jti, actor, actor_kind, from_ms, to_ms } =
        which;
    let actor_kind = actor_kind.as_deref().map(kind_of).transpose()?;
    let before = Some(before(after.as_deref(), newest)?);
    let filter =
        Filter { app, before, kind, code, room, user, jti, actor, actor_kind, from_ms, to_ms };
    page(&state, limit, filter).await
}

/// Lists all records, newest first.
///
/// Also those of no app and of deleted apps. All filters given must match. Tokens and secrets are never in it.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(WhichOfAll),
    responses((status = 200, body = Page<RecordRow>)))]
pub(crate) async fn list_all(
    Reader { state, caller }: Reader,
    Query(which): Query<WhichOfAll>,
) -> Result<Json<Page<RecordRow>>, ApiError> {
    caller.is_root()?;
    let app = match which.app.as_deref() {
        None => OfApp::Any,
        Some("none") => OfApp::Nobody,
        // What is larger than any AppID is nobody's, as 0 is.
        Some(id) => {
            let id = number(id).ok_or_else(|| malformed("`app` is an AppID, or `none`"))?;
            OfApp::Id(u32::try_from(id).unwrap_or(0))
        }
    };
    let actor_kind = which.actor_kind.as_deref().map(kind_of).transpose()?;
    let newest = {
        let _looks = state.doors.look_at_all().await;
        state.store.newest_record().await?
    };
    let filter = Filter {
        app,
        before: Some(before(which.after.as_deref(), newest)?),
        kind: which.kind,
        code: which.code,
        room: which.room,
        user: which.user,
        jti: which.jti,
        actor: which.actor,
        actor_kind,
        from_ms: which.from_ms,
        to_ms: which.to_ms,
    };
    page(&state, which.limit, filter).await
}
