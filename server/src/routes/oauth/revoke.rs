//! `POST /oauth/revoke` (RFC 7009): ends a token before the answer comes.

use axum::http::StatusCode;
use stagedoor_bus::Bearer;
use stagedoor_token::CredentialKind;
use utoipa::ToSchema;

use super::{
    super::{leaks::signed, me::personal, revocations},
    Asked, required,
};
use crate::{
    act::Audited,
    credential::Presented,
    doors::News,
    error::{ApiError, OauthKind, oauth::OauthError},
    scope::Scope,
    secret,
};

/// A token to revoke.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document only")]
pub(crate) struct RevocationForm {
    /// The token: a room token, an access token, or the credential that asks.
    token: String,
    /// Ignored: a token shows what it is.
    token_type_hint: Option<String>,
}

/// Revokes a token.
///
/// A room token, by its `jti`: live seats are closed before the answer comes. An access token. An API key, by itself
/// alone. What is unknown, or of another app, is answered like what was revoked. A room token needs the scope
/// `tokens:revoke`, and so does an access token of another client.
#[utoipa::path(post, path = "/oauth/revoke", tag = "oauth",
    request_body(content = RevocationForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200)))]
pub(crate) async fn revoke(asked: Asked, audited: Audited) -> Result<StatusCode, OauthError> {
    let token = required(&asked.form, "token")?;
    match Presented::parse(token) {
        Ok(presented) => credential(&audited, &presented).await?,
        Err(_) => room_token(&audited, token).await?,
    }
    Ok(StatusCode::OK)
}

/// A token of one of our keys, good or not: a seat may outlive its token.
async fn room_token(audited: &Audited, token: &str) -> Result<(), ApiError> {
    let Some((claims, kid)) = signed(&audited.state, token) else { return Ok(()) };
    if !audited.caller.is_of(claims.app) {
        return Ok(());
    }
    audited.caller.may_in(claims.app, Scope::TokensRevoke, &claims.room)?;
    let bearer = Bearer::of(&claims, &kid);
    if audited.state.bus.revocations().find(&bearer, audited.state.unix_s()).is_some() {
        return Ok(());
    }
    revocations::revoke_token(audited, claims.app, &claims.jti).await
}

async fn credential(audited: &Audited, presented: &Presented<'_>) -> Result<(), OauthError> {
    let kind = match presented {
        Presented::Checked(credential) => credential.kind(),
        Presented::OldApiKey { .. } => CredentialKind::ApiKey,
        Presented::OldRoot { .. } => CredentialKind::Root,
    };
    let is_own =
        audited.caller.credential_id() == presented.id() && audited.caller.access_token().is_none();
    match kind {
        CredentialKind::AccessToken => Ok(access_token(audited, presented).await?),
        CredentialKind::ApiKey if is_own => Ok(own_api_key(audited, presented).await?),
        CredentialKind::Personal if is_own => Ok(own_personal(audited, presented).await?),
        CredentialKind::ApiKey
        | CredentialKind::Root
        | CredentialKind::Personal
        | CredentialKind::Link => {
            let detail = "an API key or a personal token is revoked here by itself alone, and other credentials are \
                          ended elsewhere";
            let error =
                ApiError::Malformed { code: "token_type_unsupported", detail: detail.into() };
            Err(OauthError::new(OauthKind::UnsupportedTokenType, error))
        }
    }
}

/// An access token: by itself, by its client, or by whoever may revoke in its app.
async fn access_token(audited: &Audited, presented: &Presented<'_>) -> Result<(), ApiError> {
    let caller = &audited.caller;
    let mut tx = audited.state.store.begin().await?;
    let row = tx.access_token(presented.id()).await?;
    let Some(row) = row.filter(|row| secret::same(&row.hash, &presented.hash())) else {
        return Ok(());
    };
    let is_holder = match caller.access_token() {
        Some(id) => id == row.id,
        None => caller.credential_id() == row.client.id,
    };
    if !is_holder {
        let (is_of, may) = match row.app {
            Some(app) => (caller.is_of(app), caller.may(app, Scope::TokensRevoke)),
            None => (false, caller.may_everywhere(Scope::TokensRevoke)),
        };
        match may {
            Ok(()) => {}
            Err(error) if is_of => return Err(error),
            Err(_) => return Ok(()),
        }
    }
    tx.delete_access_token(&row.id).await?;
    let record = match row.app {
        Some(app) => audited.record(app, "access_token.revoke"),
        None => audited.record_of_own("access_token.revoke"),
    };
    tx.add_record(record.detail(&format!("revoked={} client={}", row.id, row.client.id))).await?;
    Ok(audited.state.doors.commit_all(tx, Vec::new()).await?)
}

/// The caller's own API key, or the secret that it had before its last rotation.
async fn own_api_key(audited: &Audited, presented: &Presented<'_>) -> Result<(), ApiError> {
    let (id, hash) = (presented.id(), presented.hash());
    let mut tx = audited.state.store.begin().await?;
    let Some(row) = tx.api_key(id).await? else { return Ok(()) };
    let detail = format!("api_key={id}");
    let detail = if secret::same(&row.hash, &hash) {
        tx.delete_api_key(row.app, id).await?;
        detail
    } else if row.old_hash.as_ref().is_some_and(|old| secret::same(old, &hash)) {
        tx.end_old_secret(id, audited.state.unix_ms()).await?;
        detail + " old_secret"
    } else {
        return Ok(());
    };
    tx.add_record(audited.record(row.app, "api_key.revoke").detail(&detail)).await?;
    Ok(audited.state.doors.commit(tx, row.app, News::Nothing).await?)
}

/// The caller's own personal token.
async fn own_personal(audited: &Audited, presented: &Presented<'_>) -> Result<(), ApiError> {
    let mut tx = audited.state.store.begin().await?;
    let row = tx.personal_token(presented.id()).await?;
    let row = row.filter(|row| secret::same(&row.hash, &presented.hash()));
    let Some(row) = row else { return Ok(()) };
    tx.delete_personal_token(&row.id).await?;
    tx.add_record(personal::record(audited, "personal_token.delete", &row)).await?;
    Ok(audited.state.doors.commit_all(tx, Vec::new()).await?)
}
