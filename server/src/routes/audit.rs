//! The audit trail, of one app or, for the operator, of all.

pub(crate) mod export;
pub(crate) mod proof;

use axum::Json;
use serde::Deserialize;
use stagedoor_bus::{ActorKind, Attempt};
use stagedoor_token::AppId;
use utoipa::IntoParams;

use super::{Page, Path, Query, app_row, forms, number, number_after, page_limit};
use crate::{
    act::Audited,
    error::ApiError,
    scope::Scope,
    store::audit::{Filter, OfApp, Order, RecordRow},
};

/// Filters for records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Entries on the page at most; 50 by default.
    limit: Option<u32>,
    /// The `next` of the previous page.
    after: Option<String>,
    /// `newest` or `oldest`: which records come first; `newest` by default.
    #[param(value_type = Option<OrderName>, inline)]
    order: Option<String>,
    /// Only records of this kind; with a `*` at its end, of kinds that begin so.
    kind: Option<String>,
    /// Only records with this code.
    code: Option<String>,
    /// Only records about this room.
    room: Option<String>,
    /// Only records about this user.
    user: Option<String>,
    /// Only records about the token with this id.
    jti: Option<String>,
    /// Only the record of the refused attempt with this number, such as `a_7Kq3TzWn`.
    #[param(pattern = "^a_[0-9A-Za-z]{8}$")]
    attempt: Option<String>,
    /// Only records with this address; the port may be left out.
    peer: Option<String>,
    /// Only records of this actor's acts.
    actor: Option<String>,
    /// Only records of acts by this kind of actor: `root`, `api_key`, `operator`, `user`, `relay` or `system`.
    #[param(value_type = Option<forms::ActorKind>, inline)]
    actor_kind: Option<String>,
    /// Only records from this time on, Unix milliseconds.
    from_ms: Option<i64>,
    /// Only records before this time, Unix milliseconds.
    to_ms: Option<i64>,
}

/// Filters for records of the whole trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichOfAll {
    /// Only records of this AppID, including earlier apps that had it; `none`: records that belong to no app.
    #[param(pattern = "^(none|[0-9]{1,10})$")]
    app: Option<String>,
    /// Entries on the page at most; 50 by default.
    limit: Option<u32>,
    /// The `next` of the previous page.
    after: Option<String>,
    /// `newest` or `oldest`: which records come first; `newest` by default.
    #[param(value_type = Option<OrderName>, inline)]
    order: Option<String>,
    /// Only records of this kind; with a `*` at its end, of kinds that begin so.
    kind: Option<String>,
    /// Only records with this code.
    code: Option<String>,
    /// Only records about this room.
    room: Option<String>,
    /// Only records about this user.
    user: Option<String>,
    /// Only records about the token with this id.
    jti: Option<String>,
    /// Only the record of the refused attempt with this number, such as `a_7Kq3TzWn`.
    #[param(pattern = "^a_[0-9A-Za-z]{8}$")]
    attempt: Option<String>,
    /// Only records with this address; the port may be left out.
    peer: Option<String>,
    /// Only records of this actor's acts.
    actor: Option<String>,
    /// Only records of acts by this kind of actor: `root`, `api_key`, `user`, `relay` or `system`.
    #[param(value_type = Option<forms::ActorKind>, inline)]
    actor_kind: Option<String>,
    /// Only records from this time on, Unix milliseconds.
    from_ms: Option<i64>,
    /// Only records before this time, Unix milliseconds.
    to_ms: Option<i64>,
}

fn malformed(detail: &'static str) -> ApiError {
    ApiError::Malformed { code: "query_invalid", detail: detail.into() }
}

fn attempt_of(text: Option<String>) -> Result<Option<String>, ApiError> {
    let unfit = |_| malformed("`attempt` must be `a_` and 8 letters and digits");
    text.map(|text| text.parse::<Attempt>().map(|attempt| attempt.to_string()))
        .transpose()
        .map_err(unfit)
}

fn kind_of(text: &str) -> Result<ActorKind, ApiError> {
    let unknown = "`actor_kind` must be `root`, `api_key`, `user`, `relay` or `system`";
    ActorKind::named(text).ok_or_else(|| malformed(unknown))
}

/// The order of a list.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its names are used, by the document")]
pub(crate) enum OrderName {
    Newest,
    Oldest,
}

/// Where the page begins and ends: the order, before which record, beyond which record.
fn place(
    order: Option<&str>,
    after: Option<&str>,
    newest: i64,
) -> Result<(Order, Option<i64>, Option<i64>), ApiError> {
    let after = number_after(after)?.map(|after| i64::try_from(after).unwrap_or(i64::MAX));
    match order {
        None | Some("newest") => {
            let before = after.unwrap_or(i64::MAX).min(newest.saturating_add(1));
            Ok((Order::NewestFirst, Some(before), None))
        }
        Some("oldest") => Ok((Order::OldestFirst, Some(newest.saturating_add(1)), after)),
        Some(_) => Err(malformed("`order` must be `newest` or `oldest`")),
    }
}

/// Records that somebody reads with the operator's credential; the pages of one minute are counted together.
fn read_by_operator(audited: &Audited, app: Option<&str>) {
    if audited.caller.may_everywhere(Scope::DeploymentAdmin).is_ok() {
        let record = audited.record_of_none("audit.read");
        audited.state.recorder.refused(match app {
            Some(app) => record.detail(&format!("app={app}")),
            None => record,
        });
    }
}

async fn page(
    Audited { state, caller, .. }: &Audited,
    limit: Option<u32>,
    filter: Filter,
) -> Result<Json<Page<RecordRow>>, ApiError> {
    let limit = page_limit(&state.config, limit)?;
    let records = state.store.records(&filter, limit + 1).await?;
    let page = Page::cut(records, limit, |record: &RecordRow| record.id.to_string());
    Ok(Json(page.only(|record| caller.reaches(record.room.as_deref()).is_ok())))
}

/// Lists an app's records, newest or oldest first.
///
/// Who did what, to whom, from where, and with which result: API calls, logins, moderation. All filters given must
/// match. Tokens and secrets are never in it. A credential with bounds on rooms sees records of those rooms, so a page
/// may hold few, or none, while `next` says that more follow.
#[utoipa::path(get, path = "/v1/apps/{app}/audit", tag = "audit", params(("app" = u32, Path), Which),
    responses((status = 200, body = Page<RecordRow>)))]
pub(crate) async fn list(
    audited: Audited,
    Path(app): Path<AppId>,
    Query(which): Query<Which>,
) -> Result<Json<Page<RecordRow>>, ApiError> {
    let state = audited.state.clone();
    audited.caller.may(app, Scope::AuditRead)?;
    let id = app;
    // Wait until the doors are up to date; the page itself may take long, and must not block anybody.
    let (app, newest) = {
        let _look = state.doors.look(app).await;
        let app = OfApp::Life(app_row(&state, app).await?.life());
        (app, state.store.newest_record().await?)
    };
    let (order, before, beyond) = place(which.order.as_deref(), which.after.as_deref(), newest)?;
    let filter = Filter {
        app,
        before,
        beyond,
        order,
        kind: which.kind,
        code: which.code,
        room: which.room,
        user: which.user,
        jti: which.jti,
        attempt: attempt_of(which.attempt)?,
        peer: which.peer,
        actor: which.actor,
        actor_kind: which.actor_kind.as_deref().map(kind_of).transpose()?,
        from_ms: which.from_ms,
        to_ms: which.to_ms,
    };
    let page = page(&audited, which.limit, filter).await?;
    read_by_operator(&audited, Some(&id.to_string()));
    Ok(page)
}

/// Lists all records, newest or oldest first.
///
/// Also those of no app and of deleted apps. All filters given must match. Tokens and secrets are never in it.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(WhichOfAll),
    responses((status = 200, body = Page<RecordRow>)))]
pub(crate) async fn list_all(
    audited: Audited,
    Query(which): Query<WhichOfAll>,
) -> Result<Json<Page<RecordRow>>, ApiError> {
    let state = audited.state.clone();
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    let app = match which.app.as_deref() {
        None => OfApp::Any,
        Some("none") => OfApp::Nobody,
        // Like 0, a number above the largest AppID belongs to no app.
        Some(id) => {
            let id = number(id).ok_or_else(|| malformed("`app` must be an AppID or `none`"))?;
            OfApp::Id(u32::try_from(id).unwrap_or(0))
        }
    };
    let actor_kind = which.actor_kind.as_deref().map(kind_of).transpose()?;
    let newest = {
        let _looks = state.doors.look_at_all().await;
        state.store.newest_record().await?
    };
    let (order, before, beyond) = place(which.order.as_deref(), which.after.as_deref(), newest)?;
    let filter = Filter {
        app,
        before,
        beyond,
        order,
        kind: which.kind,
        code: which.code,
        room: which.room,
        user: which.user,
        jti: which.jti,
        attempt: attempt_of(which.attempt)?,
        peer: which.peer,
        actor: which.actor,
        actor_kind,
        from_ms: which.from_ms,
        to_ms: which.to_ms,
    };
    let page = page(&audited, which.limit, filter).await?;
    read_by_operator(&audited, which.app.as_deref());
    Ok(page)
}
