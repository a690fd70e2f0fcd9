//! Apps, of `routes`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State as Has,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stagedoor_token::{AppId, KeyState, SecondLogin};
use utoipa::ToSchema;

use super::{Asked, At, Body, Page, Paging, app_row, app_unknown, check_name, keys, page_limit};
use crate::{
    caller::{Caller, Scope},
    error::{ApiError, Problem},
    idempotency::once,
    recorder, secret,
    state::{State, unix_ms},
    store::{apps::AppRow, audit::Record},
};

/// A new app.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApp {
    /// For people.
    name: String,
    /// The AppID, not 0; random unless given.
    id: Option<u32>,
    /// Tokens live so long unless asked otherwise, in seconds.
    ttl_s_default: Option<u64>,
    /// Tokens live at most so long, in seconds.
    ttl_s_max: Option<u64>,
    /// What happens when a user who has a seat in a room logs in again, where the role says nothing:
    /// `"reject"`, `"replace"` or `{"allow":n}`; `replace` unless given.
    #[schema(value_type = Option<serde_json::Value>)]
    second_login: Option<SecondLogin>,
}

impl NewApp {
    /// An app of which only the name is given.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            id: None,
            ttl_s_default: None,
            ttl_s_max: None,
            second_login: None,
        }
    }
}

/// What changes of an app; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppChange {
    /// For people.
    name: Option<String>,
    /// Tokens live so long unless asked otherwise, in seconds.
    ttl_s_default: Option<u64>,
    /// Tokens live at most so long, in seconds.
    ttl_s_max: Option<u64>,
    /// What happens at second logins, where the role says nothing.
    #[schema(value_type = Option<serde_json::Value>)]
    second_login: Option<SecondLogin>,
}

/// An app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppView {
    /// The AppID.
    app: u32,
    /// For people.
    name: String,
    /// Tokens live so long unless asked otherwise, in seconds.
    ttl_s_default: u64,
    /// Tokens live at most so long, in seconds.
    ttl_s_max: u64,
    /// When it was made, Unix milliseconds.
    created_ms: u64,
    /// What happens at second logins, where the role says nothing.
    #[schema(value_type = serde_json::Value)]
    second_login: SecondLogin,
}

/// A new app and its first key.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppCreated {
    /// The AppID.
    pub app: u32,
    /// For people.
    pub name: String,
    /// The first key, current at once; its secret is shown this once.
    pub key: keys::KeyCreated,
}

impl From<AppRow> for AppView {
    fn from(row: AppRow) -> Self {
        let AppRow { id, name, ttl_s_default, ttl_s_max, created_ms, .. } = row;
        let second_login = row.second_login.unwrap_or(SecondLogin::Replace);
        Self { app: id.0, name, ttl_s_default, ttl_s_max, created_ms, second_login }
    }
}

fn check_lives(state: &State, app: &AppRow) -> Result<(), ApiError> {
    let good = 1 <= app.ttl_s_default
        && app.ttl_s_default <= app.ttl_s_max
        && app.ttl_s_max <= state.config.ttl_s_max;
    if good {
        return Ok(());
    }
    let detail = format!("1 <= `ttl_s_default` <= `ttl_s_max` <= {}", state.config.ttl_s_max);
    Err(ApiError::Invalid { code: "ttl_invalid", detail: detail.into() })
}

/// Makes an app with its first key.
pub(crate) async fn make(state: &State, new: &NewApp) -> Result<AppCreated, ApiError> {
    check_name(state, &new.name)?;
    let id = match new.id {
        Some(0) => {
            return Err(ApiError::Invalid {
                code: "app_id_invalid",
                detail: "an AppID is not 0".into(),
            });
        }
        Some(id) => id,
        None => u32::from_be_bytes(secret::random()?).max(1),
    };
    let app = AppRow {
        id: AppId(id),
        name: new.name.clone(),
        ttl_s_max: new.ttl_s_max.unwrap_or(state.config.ttl_s_max),
        ttl_s_default: new.ttl_s_default.unwrap_or(state.config.ttl_s_default),
        created_ms: unix_ms(),
        generation: 0,
        second_login: new.second_login,
    };
    check_lives(state, &app)?;
    let (row, key) = keys::make(app.id, KeyState::Current)?;
    if !state.store.add_app(&app, &[row]).await? {
        return Err(ApiError::Conflict { code: "app_exists", detail: "the AppID is taken" });
    }
    state.tell_app(app.id).await?;
    Ok(AppCreated { app: id, name: app.name, key })
}

/// Makes an app with its first key, whose secret is shown this once.
#[utoipa::path(post, path = "/v1/apps", tag = "apps", request_body = NewApp,
    params(("Idempotency-Key" = Option<String>, Header, description = "Asked again with it, nothing is made twice.")),
    responses((status = 201, body = AppCreated), (status = "4XX", body = Problem)))]
pub(crate) async fn create(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Body(new): Body<NewApp>,
) -> Result<Response, ApiError> {
    caller.is_root()?;
    let create = async {
        let created = make(&state, &new).await?;
        let record = Record {
            app: Some(created.app),
            actor: Some(caller.id().into()),
            ..recorder::now("app.create", "ok")
        };
        state.recorder.record(record).await?;
        Ok(created)
    };
    once(&state, &caller, &headers, &("apps", &new), "/key/secret", create).await
}

/// Lists apps by AppID: all of them for the operator, its own for an API key.
#[utoipa::path(get, path = "/v1/apps", tag = "apps", params(Paging),
    responses((status = 200, body = Page<AppView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<AppView>>, ApiError> {
    let limit = page_limit(&state, paging.limit)?;
    let malformed =
        |_| ApiError::Malformed { code: "query_invalid", detail: "`after` is an AppID".into() };
    let after = paging.after.map_or(Ok(0), |after| after.parse()).map_err(malformed)?;
    let rows = match &caller {
        Caller::Root => state.store.apps(after, limit + 1).await?,
        Caller::ApiKey { app, .. } => vec![app_row(&state, *app).await?],
    };
    let items = rows.into_iter().map(AppView::from).collect();
    Ok(Json(Page::cut(items, limit, |app: &AppView| app.app.to_string())))
}

/// One app.
#[utoipa::path(get, path = "/v1/apps/{app}", tag = "apps", params(("app" = u32, Path)),
    responses((status = 200, body = AppView), (status = "4XX", body = Problem)))]
pub(crate) async fn show(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
) -> Result<Json<AppView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    Ok(Json(app_row(&state, app).await?.into()))
}

/// Changes an app.
#[utoipa::path(patch, path = "/v1/apps/{app}", tag = "apps", params(("app" = u32, Path)), request_body = AppChange,
    responses((status = 200, body = AppView), (status = "4XX", body = Problem)))]
pub(crate) async fn change(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    Body(change): Body<AppChange>,
) -> Result<Json<AppView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let mut row = app_row(&state, app).await?;
    if let Some(name) = change.name {
        check_name(&state, &name)?;
        row.name = name;
    }
    row.ttl_s_default = change.ttl_s_default.unwrap_or(row.ttl_s_default);
    row.ttl_s_max = change.ttl_s_max.unwrap_or(row.ttl_s_max);
    row.second_login = change.second_login.or(row.second_login);
    check_lives(&state, &row)?;
    if !state.store.change_app(&row).await? {
        return Err(app_unknown());
    }
    state.tell_app(app).await?;
    let record = Record {
        app: Some(app.0),
        actor: Some(caller.id().into()),
        ..recorder::now("app.change", "ok")
    };
    state.recorder.record(record).await?;
    Ok(Json(row.into()))
}

/// Deletes an app with its keys: none of its tokens opens a room any more.
#[utoipa::path(delete, path = "/v1/apps/{app}", tag = "apps", params(("app" = u32, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn delete(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
) -> Result<StatusCode, ApiError> {
    caller.is_root()?;
    if !state.store.delete_app(app).await? {
        return Err(app_unknown());
    }
    state.bus.remove_app(app).await?;
    let record = Record {
        app: Some(app.0),
        actor: Some(caller.id().into()),
        ..recorder::now("app.delete", "ok")
    };
    state.recorder.record(record).await?;
    Ok(StatusCode::NO_CONTENT)
}
