//! The team of an app: operators with a level in it.

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use stagedoor_token::AppId;
use utoipa::ToSchema;

use super::{
    Body, Page, Paging, Path, Query, Reader, app_in, app_row,
    operators::{operator_in, unknown, views::read_level},
    page_limit,
};
use crate::{
    act::Audited,
    caller::Caller,
    doors::News,
    error::ApiError,
    level::Level,
    record::Record,
    rights::{OperatorKind, Reach},
    scope::Scope,
    standing,
    store::{operators::MemberRow, write::Tx},
};

/// A level to give.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLevel {
    /// The level: each but `owner`, which is of the deployment.
    #[schema(value_type = Level)]
    level: String,
}

/// An operator in a team.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberView {
    /// The operator's id.
    operator: String,
    /// Its name.
    name: String,
    /// A person, or a service account.
    kind: OperatorKind,
    /// Its level in this app. One that it has in every app counts beside this.
    level: Level,
}

impl From<MemberRow> for MemberView {
    fn from(MemberRow { operator, name, kind, level }: MemberRow) -> Self {
        Self { operator, name, kind, level }
    }
}

/// Checks that a caller manages the team as a whole: a level has no bounds.
fn manages(caller: &Caller, app: AppId) -> Result<(), ApiError> {
    caller.may_whole(app, Scope::TeamManage, Reach::Tokens)
}

/// Begins an act on a team.
async fn begin(audited: &Audited, app: AppId) -> Result<(Tx, Caller), ApiError> {
    manages(&audited.caller, app)?;
    let mut tx = audited.state.store.begin().await?;
    let caller = standing::now(&audited.caller, &mut tx).await?;
    manages(&caller, app)?;
    app_in(&mut tx, app).await?;
    Ok((tx, caller))
}

fn record(audited: &Audited, app: AppId, kind: &str, operator: &str, level: Level) -> Record {
    let detail = format!("operator={operator} level={}", level.as_str());
    audited.record(app, kind).detail(&detail)
}

/// Lists the team of an app by operator.
///
/// Operators with a level in this app. Those with a level in every app are not in it.
#[utoipa::path(get, path = "/v1/apps/{app}/team", tag = "team", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<MemberView>)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<MemberView>>, ApiError> {
    manages(&caller, app)?;
    let limit = page_limit(&state.config, paging.limit)?;
    app_row(&state, app).await?;
    let rows = state.store.team(app, paging.after.as_deref().unwrap_or(""), limit + 1).await?;
    let items = rows.into_iter().map(MemberView::from).collect();
    Ok(Json(Page::cut(items, limit, |member: &MemberView| member.operator.clone())))
}

/// Shows an operator's level in an app.
///
/// By the operator's id or its name. Without a level in this app it is unknown here.
#[utoipa::path(get, path = "/v1/apps/{app}/team/{operator}", tag = "team",
    params(("app" = u32, Path), ("operator" = String, Path)),
    responses((status = 200, body = MemberView)))]
pub(crate) async fn show(
    Reader { state, caller, .. }: Reader,
    Path((app, operator)): Path<(AppId, String)>,
) -> Result<Json<MemberView>, ApiError> {
    manages(&caller, app)?;
    app_row(&state, app).await?;
    let row = state.store.operator(&operator).await?.ok_or_else(unknown)?;
    let (_, level) = row.apps.iter().find(|(of, _)| *of == app).ok_or_else(unknown)?;
    let level = *level;
    Ok(Json(MemberView { operator: row.id, name: row.name, kind: row.kind, level }))
}

/// Gives an operator a level in an app.
///
/// In the place of the one it has, from its next request on. A caller gives no level that it does not have itself, and
/// changes nobody whose level is above its own.
#[utoipa::path(put, path = "/v1/apps/{app}/team/{operator}", tag = "team", request_body = NewLevel,
    params(("app" = u32, Path), ("operator" = String, Path)),
    responses((status = 200, body = MemberView)))]
pub(crate) async fn put(
    audited: Audited,
    Path((app, operator)): Path<(AppId, String)>,
    Body(NewLevel { level }): Body<NewLevel>,
) -> Result<Json<MemberView>, ApiError> {
    manages(&audited.caller, app)?;
    let level = read_level(&level)?;
    if level == Level::Owner {
        let detail = "`owner` is a level of the deployment, not of an app".into();
        return Err(ApiError::Invalid { code: "level_unknown", detail }.at("level"));
    }
    let (mut tx, caller) = begin(&audited, app).await?;
    caller.gives_level(Some(app), level)?;
    let row = operator_in(&mut tx, &operator).await?;
    match row.apps.iter().find(|(of, _)| *of == app) {
        Some((_, before)) => caller.gives_level(Some(app), *before)?,
        None if row.apps.len() as u64 >= u64::from(audited.state.config.operator_apps_max) => {
            let detail = "the operator already has a level in `operator_apps_max` apps";
            return Err(ApiError::Conflict { code: "team_exceeded", detail });
        }
        None => {}
    }
    tx.put_level(&row.id, app, level).await?;
    tx.add_record(record(&audited, app, "team.put", &row.id, level)).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    Ok(Json(MemberView { operator: row.id, name: row.name, kind: row.kind, level }))
}

/// Takes an operator's level in an app.
///
/// It counts no longer from the operator's next request on. Nobody takes a level that is above its own.
#[utoipa::path(delete, path = "/v1/apps/{app}/team/{operator}", tag = "team",
    params(("app" = u32, Path), ("operator" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove(
    audited: Audited,
    Path((app, operator)): Path<(AppId, String)>,
) -> Result<StatusCode, ApiError> {
    let (mut tx, caller) = begin(&audited, app).await?;
    let row = operator_in(&mut tx, &operator).await?;
    let (_, level) = *row.apps.iter().find(|(of, _)| *of == app).ok_or_else(unknown)?;
    caller.gives_level(Some(app), level)?;
    tx.take_level(&row.id, app).await?;
    tx.add_record(record(&audited, app, "team.remove", &row.id, level)).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    Ok(StatusCode::NO_CONTENT)
}
