//! API keys of an app, of `routes`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State as Has,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stagedoor_token::AppId;
use utoipa::ToSchema;

use super::{Asked, At, Body, Page, Paging, app_row, check_name, page_limit};
use crate::{
    caller::{API_KEY_PREFIX, Caller, Scope, scopes_of},
    error::{ApiError, Problem},
    idempotency::once,
    recorder, secret,
    state::{State, unix_ms},
    store::{audit::Record, credentials::ApiKeyRow},
};

/// A new API key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKey {
    /// For people.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) scopes: Vec<Scope>,
    /// For how long, in seconds; for ever unless given.
    pub(crate) expires_in_s: Option<u64>,
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyView {
    /// Its id, the middle part of the credential.
    id: String,
    /// For people.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// When it was made, Unix milliseconds.
    created_ms: u64,
    /// When it ends, Unix milliseconds.
    expires_ms: Option<u64>,
    /// When it was last used, to the minute, Unix milliseconds.
    last_used_ms: Option<u64>,
}

/// A new API key with its credential.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyCreated {
    /// Its id.
    pub id: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The credential, for `Authorization: Bearer`. Shown this once.
    pub api_key: String,
    /// When it ends, Unix milliseconds.
    pub expires_ms: Option<u64>,
}

impl std::fmt::Debug for ApiKeyCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeyCreated")
            .field("id", &self.id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl From<ApiKeyRow> for ApiKeyView {
    fn from(row: ApiKeyRow) -> Self {
        let scopes = scopes_of(&row);
        let ApiKeyRow { id, name, created_ms, expires_ms, last_used_ms, .. } = row;
        Self { id, name, scopes, created_ms, expires_ms, last_used_ms }
    }
}

fn unknown() -> ApiError {
    ApiError::NotFound { code: "api_key_unknown", detail: "the app has no such API key" }
}

fn credential(id: &str) -> Result<(String, [u8; 32]), ApiError> {
    let secret = secret::random_text::<32>()?;
    let hash = secret::hash(secret.as_bytes());
    Ok((format!("{API_KEY_PREFIX}{id}_{secret}"), hash))
}

/// Makes and stores an API key.
pub(crate) async fn make(
    state: &State,
    app: AppId,
    new: &NewApiKey,
) -> Result<ApiKeyCreated, ApiError> {
    check_name(state, &new.name)?;
    if new.scopes.is_empty() {
        return Err(ApiError::Invalid {
            code: "scopes_invalid",
            detail: "an API key has at least one scope".into(),
        });
    }
    let max = state.config.api_keys_per_app_max;
    if state.store.api_keys(app, "", max).await?.len() >= max as usize {
        return Err(ApiError::Conflict {
            code: "api_keys_exceeded",
            detail: "the app has `api_keys_per_app_max` API keys",
        });
    }
    let id = secret::random_id("")?;
    let (api_key, hash) = credential(&id)?;
    let mut scopes = new.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    let created_ms = unix_ms();
    let row = ApiKeyRow {
        id: id.clone(),
        app,
        name: new.name.clone(),
        hash: hash.to_vec(),
        scopes: scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
        created_ms,
        expires_ms: new.expires_in_s.map(|s| created_ms.saturating_add(s.saturating_mul(1_000))),
        last_used_ms: None,
    };
    state.store.add_api_key(&row).await?;
    Ok(ApiKeyCreated { id, scopes, api_key, expires_ms: row.expires_ms })
}

async fn record(
    state: &State,
    caller: &Caller,
    app: AppId,
    kind: &str,
    id: &str,
) -> Result<(), ApiError> {
    let detail = Some(format!("api_key={id}").into());
    let record = Record {
        app: Some(app.0),
        actor: Some(caller.id().into()),
        detail,
        ..recorder::now(kind, "ok")
    };
    state.recorder.record(record).await
}

/// Makes an API key; nobody gives another more than it has itself.
#[utoipa::path(post, path = "/v1/apps/{app}/api-keys", tag = "api keys", request_body = NewApiKey,
    params(("app" = u32, Path), ("Idempotency-Key" = Option<String>, Header, description = "Asked again with it, nothing is made twice.")),
    responses((status = 201, body = ApiKeyCreated), (status = "4XX", body = Problem)))]
pub(crate) async fn create(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    headers: HeaderMap,
    Body(new): Body<NewApiKey>,
) -> Result<Response, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    new.scopes.iter().try_for_each(|scope| caller.may(app, *scope))?;
    app_row(&state, app).await?;
    let create = async {
        let created = make(&state, app, &new).await?;
        record(&state, &caller, app, "api_key.create", &created.id).await?;
        Ok(created)
    };
    once(&state, &caller, &headers, &("api-keys", app, &new), "/api_key", create).await
}

/// Lists API keys by id.
#[utoipa::path(get, path = "/v1/apps/{app}/api-keys", tag = "api keys", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<ApiKeyView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<ApiKeyView>>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let limit = page_limit(&state, paging.limit)?;
    let rows = state.store.api_keys(app, paging.after.as_deref().unwrap_or(""), limit + 1).await?;
    let items = rows.into_iter().map(ApiKeyView::from).collect();
    Ok(Json(Page::cut(items, limit, |key: &ApiKeyView| key.id.clone())))
}

/// Gives an API key another secret; the old one is void at once.
#[utoipa::path(post, path = "/v1/apps/{app}/api-keys/{id}/rotate", tag = "api keys",
    params(("app" = u32, Path), ("id" = String, Path)),
    responses((status = 200, body = ApiKeyCreated), (status = "4XX", body = Problem)))]
pub(crate) async fn rotate(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, id)): At<(AppId, String)>,
) -> Result<Json<ApiKeyCreated>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let row = state.store.api_key(&id).await?.filter(|row| row.app == app).ok_or_else(unknown)?;
    let scopes = scopes_of(&row);
    scopes.iter().try_for_each(|scope| caller.may(app, *scope))?;
    let (api_key, hash) = credential(&id)?;
    if !state.store.rotate_api_key(app, &id, &hash).await? {
        return Err(unknown());
    }
    record(&state, &caller, app, "api_key.rotate", &id).await?;
    Ok(Json(ApiKeyCreated { id, scopes, api_key, expires_ms: row.expires_ms }))
}

/// Deletes an API key: void at once.
#[utoipa::path(delete, path = "/v1/apps/{app}/api-keys/{id}", tag = "api keys",
    params(("app" = u32, Path), ("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn delete(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, id)): At<(AppId, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    if !state.store.delete_api_key(app, &id).await? {
        return Err(unknown());
    }
    record(&state, &caller, app, "api_key.delete", &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
