//! `POST /oauth/introspect` (RFC 7662): what a token is now. A token that is not good, and one that the caller may not
//! see, give the same answer.

use std::sync::Arc;

use axum::Json;
use serde::Serialize;
use stagedoor_token::{Claims, CredentialKind, Grants, kid_of_token};
use utoipa::ToSchema;

use super::{
    super::{forms, tokens},
    Asked, required,
};
use crate::{
    act::Audited,
    caller::Caller,
    credential::Presented,
    error::{ApiError, oauth::OauthError},
    lookup::{access_token, personal},
    record::Record,
    scope::Scope,
    store::{access_tokens::AccessTokenRow, personal::PersonalRow},
};

/// A token to look at.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document only")]
pub(crate) struct IntrospectionForm {
    /// The token: a room token or an access token.
    token: String,
    /// Ignored: a token shows what it is.
    token_type_hint: Option<String>,
}

/// What a token is. Of one that is not active, nothing else is said.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Introspection {
    /// Whether it is good now.
    active: bool,
    /// Of an access or personal token: its scopes, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// Of an access token: its client. Of a personal token: its id. Of a room token: the `kid` of the key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// `Bearer`, of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// This server, if it has a `public_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// The AppID, of a token of one app.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// The user; of an access token its client.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// When it expires, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    /// When it was issued, as in RFC 7519.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    /// From when on it is good, as in RFC 7519.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// Of a room token: its room.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    /// Of a room token: its role.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// Of a room token: its effective grants.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<forms::Grants>)]
    grants: Option<Arc<Grants>>,
}

/// What a token was found to be: the record of it, and the answer.
struct Found {
    record: Record,
    answer: Introspection,
}

/// Introspects a token.
///
/// Of a room token its claims and effective grants, of an access token its scopes, its client and its end; of a
/// personal token the same, with its operator as `sub`. What has
/// expired, was revoked or banned, is unknown, belongs to another app or exceeds the caller's bounds is not active, and
/// nothing more is said. The token is not used up by it.
#[utoipa::path(post, path = "/oauth/introspect", tag = "oauth",
    request_body(content = IntrospectionForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Introspection)))]
pub(crate) async fn introspect(
    asked: Asked,
    audited: Audited,
) -> Result<Json<Introspection>, OauthError> {
    audited.caller.apps(Scope::TokensVerify)?;
    let token = required(&asked.form, "token")?;
    let found = match Presented::parse(token) {
        Ok(presented) => of_credential(&audited, &presented).await?,
        Err(_) => of_token(&audited, token).await,
    };
    let Found { record, mut answer } = found;
    if answer.active {
        let url = audited.state.config.public_url.as_ref();
        answer.iss = url.map(|url| url.as_str().to_owned());
    }
    audited.state.recorder.record(record.detail("introspected")).await?;
    Ok(Json(answer))
}

/// A token that is not active, and the exact reason for the trail.
fn inactive(record: Record, code: &str) -> Found {
    Found { record: record.with_code(code), answer: Introspection::default() }
}

/// A room token.
async fn of_token(audited: &Audited, token: &str) -> Found {
    let state = &audited.state;
    let none = || audited.record_of_own("token.verify");
    let Some(kid) = kid_of_token(token) else { return inactive(none(), "token_malformed") };
    let app = state.bus.directory().key(&kid).map(|key| key.key.app());
    let Some(app) = app.filter(|app| audited.caller.may(*app, Scope::TokensVerify).is_ok()) else {
        return inactive(none(), "key_unknown");
    };
    let told = {
        let _look = state.doors.look(app).await;
        tokens::answer_of(state, app, token)
    };
    let record = audited.record(app, "token.verify");
    let Some(claims) = told.claims else { return inactive(record, told.code) };
    let record = record.room(&claims.room).user(&claims.user).jti(&claims.jti);
    if let Err(error) = audited.caller.reaches(Some(&claims.room)) {
        return inactive(record, error.code());
    }
    if !told.valid {
        return inactive(record, told.code);
    }
    Found { record, answer: of_claims(claims, kid, told.grants) }
}

fn of_claims(claims: Claims, kid: String, grants: Option<Arc<Grants>>) -> Introspection {
    Introspection {
        active: true,
        client_id: Some(kid),
        aud: Some(claims.app.to_string()),
        sub: Some(claims.user),
        exp: Some(claims.exp),
        iat: Some(claims.iat),
        nbf: Some(claims.nbf),
        jti: Some(claims.jti),
        room: Some(claims.room),
        role: Some(claims.role.to_string()),
        grants,
        ..Introspection::default()
    }
}

/// An access token or a personal token; other credentials are not shown.
async fn of_credential(audited: &Audited, presented: &Presented<'_>) -> Result<Found, ApiError> {
    let record = audited.record_of_own("token.verify");
    let (id, hash) = (presented.id(), presented.hash());
    let known = match presented {
        Presented::Checked(credential) if credential.kind() == CredentialKind::AccessToken => {
            let known = access_token::known(&audited.state, id, &hash);
            known.await.map(|(row, holder)| (row.id.clone(), of_row(row, &holder), holder))
        }
        Presented::Checked(credential) if credential.kind() == CredentialKind::Personal => {
            let found = personal::found(&audited.state, id, &hash);
            found.await.map(|(row, holder)| (row.id.clone(), of_personal(row, &holder), holder))
        }
        _ => Err(crate::credential::INVALID),
    };
    match known {
        Ok((id, answer, holder)) if sees(&audited.caller, &holder) => {
            Ok(Found { record: record.detail(&format!("token={id}")), answer })
        }
        Ok(_) => Ok(inactive(record, "scope_missing")),
        Err(error @ ApiError::Unauthenticated { .. }) => Ok(inactive(record, error.code())),
        Err(ours) => Err(ours),
    }
}

/// Whether a caller may see another's access token: in its app, and within its bounds.
fn sees(caller: &Caller, holder: &Caller) -> bool {
    let may = match holder.rights().only_app() {
        None => caller.may_everywhere(Scope::TokensVerify),
        Some(app) => caller.may(app, Scope::TokensVerify),
    };
    may.is_ok() && caller.encloses(holder.bounds()).is_ok()
}

fn of_row(row: AccessTokenRow, holder: &Caller) -> Introspection {
    let app = holder.rights().only_app();
    Introspection {
        active: true,
        scope: Some(holder.rights().anywhere().text()),
        client_id: Some(row.client.id),
        token_type: Some("Bearer"),
        aud: app.map(|app| app.to_string()),
        sub: Some(holder.id().to_owned()),
        exp: holder.expires_ms().map(|ms| ms / 1_000),
        iat: Some(row.created_ms / 1_000),
        jti: Some(row.id),
        ..Introspection::default()
    }
}

fn of_personal(row: PersonalRow, holder: &Caller) -> Introspection {
    Introspection {
        active: true,
        scope: Some(holder.rights().anywhere().text()),
        client_id: Some(row.id.clone()),
        token_type: Some("Bearer"),
        aud: holder.rights().only_app().map(|app| app.to_string()),
        sub: Some(row.operator),
        exp: Some(row.expires_ms / 1_000),
        iat: Some(row.created_ms / 1_000),
        jti: Some(row.id),
        ..Introspection::default()
    }
}
