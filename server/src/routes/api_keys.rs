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
    Body, MaybeBody, Page, Paging, Path, Query, Reader, app_in, check_name, forms, page_limit,
    read_bounds,
};
use crate::{
    act::Audited,
    caller::Caller,
    config::Config,
    credential,
    credential_uses::Uses,
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
    /// Its lifetime in seconds, at most the server's `credential_ttl_s_max`; 0: it does not expire. Left out, it is
    /// the server's `credential_ttl_s_default`.
    pub(crate) ttl_s: Option<u64>,
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
    /// When it was last used, to the minute, Unix milliseconds.
    last_used_ms: Option<u64>,
    /// From which network it was last used: /24 of IPv4, /56 of IPv6.
    last_used_from: Option<String>,
    /// The secret before the last rotation, if that left one.
    #[schema(nullable)]
    old_secret: Option<OldSecret>,
    /// When it was reported as leaked, Unix milliseconds: it opens nothing since, until it is rotated.
    leaked_ms: Option<u64>,
}

/// The secret that an API key had before its last rotation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OldSecret {
    /// When it ends, or ended, Unix milliseconds.
    ends_ms: u64,
    /// When it was last used after the rotation, to the minute, Unix milliseconds; `null`: not since.
    last_used_ms: Option<u64>,
}

/// How an API key is rotated.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyRotation {
    /// How long the old secret lives on, in seconds, at most the server's `credential_overlap_s_max`; 0 by default.
    overlap_s: Option<u64>,
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
        let ApiKeyRow {
            id,
            name,
            scopes,
            bounds,
            created_ms,
            expires_ms,
            old_ends_ms,
            uses,
            leaked_ms,
            ..
        } = row;
        let old = |ends_ms| OldSecret { ends_ms, last_used_ms: uses.old_last_ms };
        Self {
            id,
            name,
            scopes: Scopes::of_text(&scopes).iter().collect(),
            bounds,
            created_ms,
            expires_ms,
            last_used_ms: uses.last_ms,
            last_used_from: uses.last_network().map(Into::into),
            old_secret: old_ends_ms.map(old),
            leaked_ms,
        }
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

/// The longest lifetime that is not without an end, in seconds.
const TTL_S_MAX: u64 = 3_153_600_000;

/// The lifetime of a new credential in milliseconds; `None`: it does not expire.
fn ttl_ms(config: &Config, asked: Option<u64>) -> Result<Option<u64>, ApiError> {
    let (default, max) = (config.credential_ttl_s_default, config.credential_ttl_s_max);
    let (min, max, default) = match max {
        0 => (0, TTL_S_MAX, default),
        max => (1, max, if default == 0 { max } else { default.min(max) }),
    };
    let ttl_s = asked.unwrap_or(default);
    if !(min..=max).contains(&ttl_s) {
        let detail = format!("`ttl_s` must be {min} to {max}, or left out");
        let error = ApiError::Invalid { code: "expires_invalid", detail: detail.into() };
        return Err(error.at("ttl_s"));
    }
    Ok((ttl_s > 0).then(|| ttl_s.saturating_mul(1_000)))
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
    let ttl_ms = ttl_ms(config, new.ttl_s)?;
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
        expires_ms: ttl_ms.map(|ttl| created_ms.saturating_add(ttl)),
        old_hash: None,
        old_ends_ms: None,
        uses: Uses::default(),
        leaked_ms: None,
    };
    tx.add_api_key(&row).await?;
    let scopes = scopes.iter().collect();
    Ok(ApiKeyCreated { id, scopes, bounds: row.bounds, api_key, expires_ms: row.expires_ms })
}

/// Checks that the caller has all that an API key has.
fn has_all(caller: &Caller, row: &ApiKeyRow) -> Result<(), ApiError> {
    caller.gives(row.app, Scopes::of_text(&row.scopes), &row.bounds)
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
    audited.caller.gives(app, scopes, &bounds)?;
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
/// The old secret is void at once, or lives on for `overlap_s`; of two rotations within that time the second ends what
/// the first left. The answer is the only one that has the new secret; id, scopes, bounds and end stay. A key that
/// leaked is good again, by the new secret alone. A caller rotates no API key that has more than it has itself.
#[utoipa::path(post, path = "/v1/apps/{app}/api-keys/{id}/rotate", tag = "api keys",
    params(("app" = u32, Path), ("id" = String, Path)), request_body = Option<ApiKeyRotation>,
    responses((status = 200, body = ApiKeyCreated)))]
pub(crate) async fn rotate(
    audited: Audited,
    Path((app, id)): Path<(AppId, String)>,
    MaybeBody(ApiKeyRotation { overlap_s }): MaybeBody<ApiKeyRotation>,
) -> Result<Json<ApiKeyCreated>, ApiError> {
    audited.caller.may(app, Scope::CredentialsManage)?;
    let overlap_s = overlap(&audited.state.config, overlap_s)?;
    let mut tx = audited.state.store.begin().await?;
    let row = tx.api_key(&id).await?.filter(|row| row.app == app).ok_or_else(unknown)?;
    has_all(&audited.caller, &row)?;
    let (api_key, hash) = credential::make(CredentialKind::ApiKey, &id)?;
    let ends_ms = audited.state.unix_ms().saturating_add(overlap_s.saturating_mul(1_000));
    tx.rotate_api_key(&id, &hash, (overlap_s > 0).then_some(ends_ms)).await?;
    let record = record(&audited, app, "api_key.rotate", &id);
    tx.add_record(record.detail(&format!("overlap_s={overlap_s}"))).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    let ApiKeyRow { scopes, bounds, expires_ms, .. } = row;
    let scopes = Scopes::of_text(&scopes).iter().collect();
    Ok(Json(ApiKeyCreated { id, scopes, bounds, api_key, expires_ms }))
}

/// How long an old secret lives on, in seconds.
fn overlap(config: &Config, asked: Option<u64>) -> Result<u64, ApiError> {
    let (overlap_s, max) = (asked.unwrap_or(0), config.credential_overlap_s_max);
    if overlap_s > max {
        let detail = format!("`overlap_s` must be 0 to {max}");
        let error = ApiError::Invalid { code: "overlap_invalid", detail: detail.into() };
        return Err(error.at("overlap_s"));
    }
    Ok(overlap_s)
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
