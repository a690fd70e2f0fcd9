//! `POST /oauth/token`: access tokens for clients, and room tokens for ID tokens.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use stagedoor_token::{AppId, CredentialKind};
use utoipa::ToSchema;

use super::{
    Asked, Client, Place, TOKEN_EXCHANGE,
    exchange::{Exchanged, exchange},
    form::Form,
    required, unsupported_grant_type,
};
use crate::{
    act::Audited,
    caller::Caller,
    credential,
    doors::News,
    error::{ApiError, OauthKind, oauth::OauthError},
    scope::{Scope, Scopes},
    state::AppState,
    store::access_tokens::AccessTokenRow,
};

/// RFC 6749 §4.4.
const CLIENT_CREDENTIALS: &str = "client_credentials";
/// The longest `scope`, in bytes.
const SCOPE_BYTES_MAX: usize = 1_024;
/// Of all stored access tokens of a client, how many times those that may live: the others have expired, and are
/// deleted once the clock is settled.
const STORED_TIMES_MAX: u64 = 2;

/// What a client asks for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document only")]
pub(crate) struct TokenForm {
    /// `client_credentials`, or `urn:ietf:params:oauth:grant-type:token-exchange`.
    grant_type: String,
    /// Scopes, separated by spaces; all of the client's by default.
    scope: Option<String>,
    /// The app that the access token is for (RFC 8707): `urn:stagedoor:app:` and its AppID, or its URL under
    /// `public_url`. Needed only where a client has several.
    resource: Option<String>,
    /// With an exchange: the ID token.
    subject_token: Option<String>,
    /// With an exchange: `urn:ietf:params:oauth:token-type:id_token`.
    subject_token_type: Option<String>,
    /// With an exchange: the AppID.
    audience: Option<String>,
    /// With an exchange: the room.
    room: Option<String>,
    /// With an exchange: the role, where several rules fit.
    role: Option<String>,
    /// With an exchange: the nonce that the ID token must have.
    nonce: Option<String>,
}

/// An access token.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessTokenAnswer {
    /// The access token, for `Authorization: Bearer` at the API.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Its lifetime, in seconds.
    expires_in: u64,
    /// Its scopes, separated by spaces.
    scope: String,
}

/// What is given.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the document only")]
pub(crate) enum Given {
    /// With `client_credentials`.
    Access(AccessTokenAnswer),
    /// With an exchange.
    Room(Exchanged),
}

/// Gives a token.
///
/// With `client_credentials` (RFC 6749 §4.4) an access token for the API, with the scopes asked for or all of the
/// client's. An API key is a client as it stands: its id is the `client_id`, the whole credential the
/// `client_secret`. The access token acts as its client, within the client's bounds, and ends with it.
///
/// With `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693) a room token for an ID token of one of the app's
/// issuers, to whoever holds it, with the user and role that the issuer's rules give (`spec/sso.md`).
#[utoipa::path(post, path = "/oauth/token", tag = "oauth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Given)))]
pub(crate) async fn token(asked: Asked, place: Place) -> Result<Response, OauthError> {
    let Asked { state, form, client } = asked;
    match required(&form, "grant_type")? {
        CLIENT_CREDENTIALS => {
            let (Some(client), Some(audited)) = (client, place.audited) else {
                return Err(ApiError::Internal.into());
            };
            Ok(Json(for_client(&audited, &client, &form).await?).into_response())
        }
        TOKEN_EXCHANGE => exchange(&state, &form, &place).await,
        _ => Err(unsupported_grant_type()),
    }
}

/// An access token for the client itself.
async fn for_client(
    audited: &Audited,
    client: &Client,
    form: &Form,
) -> Result<AccessTokenAnswer, OauthError> {
    let scopes = scopes(&audited.caller, form.get("scope"))?;
    let app = app(&audited.state, &audited.caller, form.get("resource"))?;
    let id = credential::make_id()?;
    let (text, hash) = credential::make(CredentialKind::AccessToken, &id)?;
    let (state, created_ms) = (&audited.state, audited.state.unix_ms());
    let ttl_s = state.config.access_token_ttl_s;
    let row = AccessTokenRow {
        id,
        hash: hash.to_vec(),
        client: client.id.clone(),
        app,
        scopes: scopes.text(),
        created_ms,
        expires_ms: created_ms.saturating_add(ttl_s.saturating_mul(1_000)),
        leaked_ms: None,
    };
    add(audited, &row).await?;
    Ok(AccessTokenAnswer {
        access_token: text,
        token_type: "Bearer",
        expires_in: ttl_s,
        scope: scopes.text(),
    })
}

/// Stores an access token, with its record.
async fn add(audited: &Audited, row: &AccessTokenRow) -> Result<(), ApiError> {
    let state = &audited.state;
    let mut tx = state.store.begin().await?;
    let settled_ms = state.bus.clock().settled_ms();
    let there = tx.count_access_tokens(&row.client, row.created_ms, settled_ms).await?;
    let max = u64::from(state.config.access_tokens_per_client_max);
    if there.live >= max || there.stored >= max.saturating_mul(STORED_TIMES_MAX) {
        let ends_ms = there.first_ends_ms.unwrap_or(row.created_ms);
        let retry_s = ends_ms.saturating_sub(row.created_ms) / 1_000 + 1;
        drop(tx);
        let error = ApiError::AccessTokensExceeded { retry_s };
        let refused = audited.record_of_own("access_token.create").with_code(error.code());
        state.recorder.refused(refused);
        return Err(error);
    }
    tx.add_access_token(row).await?;
    let record = audited.record_of_own("access_token.create");
    let record = record.detail(&format!("access_token={} scopes={}", row.id, row.scopes));
    tx.add_record(record).await?;
    let news = row.app.map(|app| (app, News::Nothing));
    state.doors.commit_all(tx, news.into_iter().collect()).await?;
    Ok(())
}

/// The scopes that an access token is to have.
fn scopes(caller: &Caller, asked: Option<&str>) -> Result<Scopes, OauthError> {
    let own = caller.rights().anywhere();
    let Some(asked) = asked else { return Ok(own) };
    let invalid = |error| OauthError::new(OauthKind::InvalidScope, error);
    let unknown = || {
        let detail = "`scope` must be names of scopes, separated by single spaces".into();
        invalid(ApiError::Malformed { code: "scopes_invalid", detail })
    };
    let named = |name: &str| Scope::EVERY.iter().copied().find(|scope| scope.as_str() == name);
    let all: Option<Scopes> = match asked.len() {
        0..=SCOPE_BYTES_MAX => asked.split(' ').map(named).collect(),
        _ => None,
    };
    let all = all.ok_or_else(unknown)?;
    match all.beyond(own) {
        Some(scope) => Err(invalid(ApiError::ScopeMissing { scope })),
        None => Ok(all),
    }
}

/// The one app that an access token is for.
fn app(
    state: &AppState,
    caller: &Caller,
    resource: Option<&str>,
) -> Result<Option<AppId>, OauthError> {
    let only = caller.rights().only_app();
    let Some(resource) = resource else { return Ok(only) };
    let detail = "`resource` must be `urn:stagedoor:app:` and an AppID of the client's, or that \
                  app's URL under `public_url`";
    let unknown = |code| {
        OauthError::new(
            OauthKind::InvalidTarget,
            ApiError::Malformed { code, detail: detail.into() },
        )
    };
    let of_url = |url: &str| resource.strip_prefix(url)?.strip_prefix("/v1/apps/");
    let of_public = || of_url(state.config.public_url.as_ref()?.as_str());
    let digits = resource.strip_prefix("urn:stagedoor:app:").or_else(of_public);
    // One spelling of each number.
    let app =
        digits.and_then(|digits| digits.parse().ok().filter(|id: &u32| id.to_string() == digits));
    let app = AppId(app.ok_or_else(|| unknown("resource_invalid"))?);
    if caller.is_of(app) { Ok(Some(app)) } else { Err(unknown("app_unknown")) }
}
