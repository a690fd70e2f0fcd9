//! API keys of an app.

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stagedoor_token::{AppId, CredentialKind};
use utoipa::ToSchema;

use super::{Body, Page, Paging, Path, Query, Reader, app_in, check_name, page_limit};
use crate::{
    act::Audited,
    caller::{Scope, scopes_of},
    config::Config,
    credential,
    doors::News,
    error::ApiError,
    idempotency::{Created, Once},
    record::{Record, unix_ms},
    store::{credentials::ApiKeyRow, write::Tx},
};

/// A new API key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKey {
    /// A name for people.
    pub(crate) name: String,
    /// Its scopes.
    #[schema(min_items = 1)]
    pub(crate) scopes: Vec<Scope>,
    /// Its lifetime in seconds, at most the server's `api_key_expires_s_max`; without one it does not expire.
    pub(crate) expires_in_s: Option<u64>,
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyView {
    /// Its id, which its credential contains.
    id: String,
    /// Its name, for people.
    name: String,
    /// Its scopes.
    scopes: Vec<Scope>,
    /// When it was created, Unix milliseconds.
    created_ms: u64,
    /// When it expires, Unix milliseconds; `null`: never.
    expires_ms: Option<u64>,
    /// When it was last used, rounded to the minute, Unix milliseconds.
    last_used_ms: Option<u64>,
}

/// A new API key with its secret.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyCreated {
    /// Its id.
    pub id: String,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// The credential, for `Authorization: Bearer`. Shown only once: `null` in a replay.
    #[schema(value_type = Option<String>, required = true)]
    pub api_key: String,
    /// When it expires, Unix milliseconds; `null`: never.
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

/// Creates an API key.
pub(crate) async fn make(
    config: &Config,
    tx: &mut Tx,
    app: AppId,
    new: &NewApiKey,
) -> Result<ApiKeyCreated, ApiError> {
    check_name(config, &new.name)?;
    if new.scopes.is_empty() {
        let detail = "an API key needs at least one scope".into();
        return Err(ApiError::Invalid { code: "scopes_invalid", detail }.at("scopes"));
    }
    let expires_s_max = config.api_key_expires_s_max;
    if new.expires_in_s.is_some_and(|s| s > expires_s_max) {
        let detail = format!("`expires_in_s` must be 0 to {expires_s_max}, or left out");
        let error = ApiError::Invalid { code: "expires_invalid", detail: detail.into() };
        return Err(error.at("expires_in_s"));
    }
    app_in(tx, app).await?;
    if tx.count_api_keys(app).await? >= u64::from(config.api_keys_per_app_max) {
        return Err(ApiError::Conflict {
            code: "api_keys_exceeded",
            detail: "the app already has `api_keys_per_app_max` API keys; delete one first",
        });
    }
    let id = credential::make_id()?;
    let (api_key, hash) = credential::make(CredentialKind::ApiKey, &id)?;
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
    tx.add_api_key(&row).await?;
    Ok(ApiKeyCreated { id, scopes, api_key, expires_ms: row.expires_ms })
}

fn record(audited: &Audited, app: AppId, kind: &str, id: &str) -> Record {
    audited.record(app, kind).detail(&format!("api_key={id}"))
}

/// Makes an API key.
///
/// The answer is the only one that has its secret. A caller can give no scope that it does not have itself.
#[utoipa::path(post, path = "/v1/apps/{app}/api-keys", tag = "api keys", request_body = NewApiKey,
    params(("app" = u32, Path)),
    responses((status = 201, body = Created<ApiKeyCreated>)))]
pub(crate) async fn create(
    audited: Audited,
    Path(app): Path<AppId>,
    headers: HeaderMap,
    Body(new): Body<NewApiKey>,
) -> Result<Response, ApiError> {
    audited.caller.may(app, Scope::AppsAdmin)?;
    new.scopes.iter().try_for_each(|scope| audited.caller.may(app, *scope))?;
    let once = Once::begin(&audited.state, &audited.caller, &headers, &("api-keys", app, &new))?;
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    if let Some(kept) = once.kept(&mut tx).await? {
        return Ok(kept);
    }
    let created = make(&audited.state.config, &mut tx, app, &new).await?;
    tx.add_record(record(&audited, app, "api_key.create", &created.id)).await?;
    let answer = once.keep(&mut tx, &created, &["/api_key"]).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    Ok(answer)
}

/// Lists API keys by id.
///
/// With their scopes, their end and when they were last used. Secrets are not in it.
#[utoipa::path(get, path = "/v1/apps/{app}/api-keys", tag = "api keys", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<ApiKeyView>)))]
pub(crate) async fn list(
    Reader { state, caller }: Reader,
    Path(app): Path<AppId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ApiKeyView>>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let limit = page_limit(&state.config, paging.limit)?;
    let _look = state.doors.look(app).await;
    let rows = state.store.api_keys(app, paging.after.as_deref().unwrap_or(""), limit + 1).await?;
    let items = rows.into_iter().map(ApiKeyView::from).collect();
    Ok(Json(Page::cut(items, limit, |key: &ApiKeyView| key.id.clone())))
}

/// Gives an API key another secret.
///
/// The old secret is void at once. The answer is the only one that has the new one; id, scopes and end stay.
#[utoipa::path(post, path = "/v1/apps/{app}/api-keys/{id}/rotate", tag = "api keys",
    params(("app" = u32, Path), ("id" = String, Path)),
    responses((status = 200, body = ApiKeyCreated)))]
pub(crate) async fn rotate(
    audited: Audited,
    Path((app, id)): Path<(AppId, String)>,
) -> Result<Json<ApiKeyCreated>, ApiError> {
    audited.caller.may(app, Scope::AppsAdmin)?;
    let mut tx = audited.state.store.begin().await?;
    let row = tx.api_key(&id).await?.filter(|row| row.app == app).ok_or_else(unknown)?;
    let scopes = scopes_of(&row);
    scopes.iter().try_for_each(|scope| audited.caller.may(app, *scope))?;
    let (api_key, hash) = credential::make(CredentialKind::ApiKey, &id)?;
    tx.rotate_api_key(&id, &hash).await?;
    tx.add_record(record(&audited, app, "api_key.rotate", &id)).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    Ok(Json(ApiKeyCreated { id, scopes, api_key, expires_ms: row.expires_ms }))
}

/// Deletes an API key.
///
/// It is void at once: the next request with it is refused with `credential_invalid`. What it did stays done.
#[utoipa::path(delete, path = "/v1/apps/{app}/api-keys/{id}", tag = "api keys",
    params(("app" = u32, Path), ("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn delete(
    audited: Audited,
    Path((app, id)): Path<(AppId, String)>,
) -> Result<StatusCode, ApiError> {
    audited.caller.may(app, Scope::AppsAdmin)?;
    let mut tx = audited.state.store.begin().await?;
    if !tx.delete_api_key(app, &id).await? {
        return Err(unknown());
    }
    tx.add_record(record(&audited, app, "api_key.delete", &id)).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    Ok(StatusCode::NO_CONTENT)
}
