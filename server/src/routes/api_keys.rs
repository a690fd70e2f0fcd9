//! API keys of an app.

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_bus::Bounds;
use stagedoor_token::{AppId, CredentialKind, Field};
use utoipa::ToSchema;

use super::{
    Body, Page, Paging, Path, Query, Reader, app_in, check_name, forms, page_limit, read_bounds,
};
use crate::{
    act::Audited,
    caller::Caller,
    config::Config,
    credential,
    doors::News,
    error::ApiError,
    idempotency::{Created, Once},
    record::{Record, unix_ms},
    scope::{Scope, Scopes},
    store::{credentials::ApiKeyRow, write::Tx},
};

/// A new API key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKey {
    /// A name for people.
    pub(crate) name: String,
    /// Its scopes, each but `deployment:admin`.
    #[schema(min_items = 1)]
    pub(crate) scopes: Vec<Scope>,
    /// How far they reach, in the form of `spec/bounds.md`; by default as far as the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<forms::Bounds>)]
    pub(crate) bounds: Option<Box<RawValue>>,
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
    /// How far they reach; a field that is absent bounds nothing.
    #[schema(value_type = forms::Bounds)]
    bounds: Bounds,
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
    /// How far they reach; a field that is absent bounds nothing.
    #[schema(value_type = forms::Bounds)]
    pub bounds: Bounds,
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
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

impl From<ApiKeyRow> for ApiKeyView {
    fn from(row: ApiKeyRow) -> Self {
        let ApiKeyRow { id, name, scopes, bounds, created_ms, expires_ms, last_used_ms, .. } = row;
        let scopes = Scopes::of_text(&scopes).iter().collect();
        Self { id, name, scopes, bounds, created_ms, expires_ms, last_used_ms }
    }
}

fn unknown() -> ApiError {
    ApiError::NotFound { code: "api_key_unknown", detail: "the app has no such API key" }
}

impl NewApiKey {
    /// The scopes and bounds that it is to have.
    fn rights(&self) -> Result<(Scopes, Bounds), ApiError> {
        let invalid = |detail: &'static str, field| {
            ApiError::Invalid { code: "scopes_invalid", detail: detail.into() }.at(field)
        };
        let field = Field::of("scopes");
        if self.scopes.is_empty() {
            return Err(invalid("an API key needs at least one scope", field));
        }
        if let Some(at) = self.scopes.iter().position(|scope| !scope.is_of_an_app()) {
            return Err(invalid("no API key can have this scope", field.element(at)));
        }
        let bounds = self.bounds.as_deref().map(read_bounds).transpose()?;
        Ok((self.scopes.iter().copied().collect(), bounds.unwrap_or_default()))
    }
}

/// Creates an API key.
pub(crate) async fn make(
    config: &Config,
    tx: &mut Tx,
    app: AppId,
    new: &NewApiKey,
) -> Result<ApiKeyCreated, ApiError> {
    check_name(config, &new.name)?;
    let (scopes, bounds) = new.rights()?;
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
    let created_ms = unix_ms();
    let row = ApiKeyRow {
        id: id.clone(),
        app,
        name: new.name.clone(),
        hash: hash.to_vec(),
        scopes: scopes.text(),
        bounds,
        created_ms,
        expires_ms: new.expires_in_s.map(|s| created_ms.saturating_add(s.saturating_mul(1_000))),
        last_used_ms: None,
    };
    tx.add_api_key(&row).await?;
    let scopes = scopes.iter().collect();
    Ok(ApiKeyCreated { id, scopes, bounds: row.bounds, api_key, expires_ms: row.expires_ms })
}

/// Checks that the caller has all that an API key has.
fn has_all(caller: &Caller, row: &ApiKeyRow) -> Result<(), ApiError> {
    caller.gives(Scopes::of_text(&row.scopes), &row.bounds)
}

fn record(audited: &Audited, app: AppId, kind: &str, id: &str) -> Record {
    audited.record(app, kind).detail(&format!("api_key={id}"))
}

/// Makes an API key.
///
/// The answer is the only one that has its secret. A caller gives no scope that it does not have itself
/// (`scope_missing`), and no bounds wider than its own (`bounds_too_wide`).
#[utoipa::path(post, path = "/v1/apps/{app}/api-keys", tag = "api keys", request_body = NewApiKey,
    params(("app" = u32, Path)),
    responses((status = 201, body = Created<ApiKeyCreated>)))]
pub(crate) async fn create(
    audited: Audited,
    Path(app): Path<AppId>,
    headers: HeaderMap,
    Body(new): Body<NewApiKey>,
) -> Result<Response, ApiError> {
    audited.caller.may(app, Scope::CredentialsManage)?;
    let (scopes, bounds) = new.rights()?;
    audited.caller.gives(scopes, &bounds)?;
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
/// With their scopes and bounds, their end and when they were last used. Secrets are not in it. A credential with
/// bounds sees those within them.
#[utoipa::path(get, path = "/v1/apps/{app}/api-keys", tag = "api keys", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<ApiKeyView>)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ApiKeyView>>, ApiError> {
    caller.may(app, Scope::CredentialsManage)?;
    let limit = page_limit(&state.config, paging.limit)?;
    let _look = state.doors.look(app).await;
    // `api_keys_per_app_max` bounds how many there are.
    let read = if caller.bounds().is_empty() { limit + 1 } else { u32::MAX };
    let rows = state.store.api_keys(app, paging.after.as_deref().unwrap_or(""), read).await?;
    let seen = rows.into_iter().filter(|row| caller.encloses(&row.bounds).is_ok());
    let items = seen.map(ApiKeyView::from).collect();
    Ok(Json(Page::cut(items, limit, |key: &ApiKeyView| key.id.clone())))
}

/// Gives an API key another secret.
///
/// The old secret is void at once. The answer is the only one that has the new one; id, scopes, bounds and end stay.
/// A caller rotates no API key that has more than it has itself.
#[utoipa::path(post, path = "/v1/apps/{app}/api-keys/{id}/rotate", tag = "api keys",
    params(("app" = u32, Path), ("id" = String, Path)),
    responses((status = 200, body = ApiKeyCreated)))]
pub(crate) async fn rotate(
    audited: Audited,
    Path((app, id)): Path<(AppId, String)>,
) -> Result<Json<ApiKeyCreated>, ApiError> {
    audited.caller.may(app, Scope::CredentialsManage)?;
    let mut tx = audited.state.store.begin().await?;
    let row = tx.api_key(&id).await?.filter(|row| row.app == app).ok_or_else(unknown)?;
    has_all(&audited.caller, &row)?;
    let (api_key, hash) = credential::make(CredentialKind::ApiKey, &id)?;
    tx.rotate_api_key(&id, &hash).await?;
    tx.add_record(record(&audited, app, "api_key.rotate", &id)).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    let ApiKeyRow { scopes, bounds, expires_ms, .. } = row;
    let scopes = Scopes::of_text(&scopes).iter().collect();
    Ok(Json(ApiKeyCreated { id, scopes, bounds, api_key, expires_ms }))
}

/// Deletes an API key.
///
/// It is void at once: the next request with it is refused with `credential_invalid`. What it did stays done. A
/// credential with bounds deletes only those within them.
#[utoipa::path(delete, path = "/v1/apps/{app}/api-keys/{id}", tag = "api keys",
    params(("app" = u32, Path), ("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn delete(
    audited: Audited,
    Path((app, id)): Path<(AppId, String)>,
) -> Result<StatusCode, ApiError> {
    audited.caller.may(app, Scope::CredentialsManage)?;
    let mut tx = audited.state.store.begin().await?;
    let row = tx.api_key(&id).await?.filter(|row| row.app == app).ok_or_else(unknown)?;
    audited.caller.encloses(&row.bounds)?;
    if !tx.delete_api_key(app, &id).await? {
        return Err(unknown());
    }
    tx.add_record(record(&audited, app, "api_key.delete", &id)).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    Ok(StatusCode::NO_CONTENT)
}
