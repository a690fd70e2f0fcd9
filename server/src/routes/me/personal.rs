//! Personal tokens of the operator that asks.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_bus::Bounds;
use stagedoor_token::{CredentialKind, Field};
use utoipa::ToSchema;

use crate::{
    act::Audited,
    caller::Caller,
    config::Config,
    credential,
    credential_uses::Uses,
    error::ApiError,
    record::{Record, unix_ms},
    rights::Principal,
    routes::{Body, Page, Path, Reader, check_name, forms, read_bounds},
    scope::{Scope, Scopes},
    standing,
    store::{operators::OperatorRow, personal::PersonalRow, write::Tx},
};

/// A new personal token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPersonal {
    /// A name for people.
    name: String,
    /// Its scopes. At each use they open what the operator's own levels then open as well.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// How far they reach, in the form of `spec/bounds.md`.
    #[schema(value_type = Option<forms::Bounds>)]
    bounds: Option<Box<RawValue>>,
    /// Its lifetime in seconds, at most the server's `personal_token_ttl_s_max`. Left out, it is the server's
    /// `personal_token_ttl_s_default`.
    ttl_s: Option<u64>,
}

/// A personal token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonalView {
    /// Its id, which the token contains.
    id: String,
    /// Its name, for people.
    name: String,
    /// Its scopes.
    scopes: Vec<Scope>,
    /// How far they reach; a field that is absent bounds nothing.
    #[schema(value_type = forms::Bounds)]
    bounds: Bounds,
    /// When it was made, Unix milliseconds.
    created_ms: u64,
    /// When it expires, Unix milliseconds.
    expires_ms: u64,
    /// When it was last used, to the minute, Unix milliseconds; `null`: never.
    last_used_ms: Option<u64>,
    /// From which network it was last used: /24 of IPv4, /56 of IPv6.
    last_used_from: Option<String>,
    /// When it was reported as leaked, Unix milliseconds: it opens nothing since.
    leaked_ms: Option<u64>,
}

/// A new personal token with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonalCreated {
    /// Its id.
    id: String,
    /// Its scopes.
    scopes: Vec<Scope>,
    /// How far they reach; a field that is absent bounds nothing.
    #[schema(value_type = forms::Bounds)]
    bounds: Bounds,
    /// The token, for `Authorization: Bearer`. Shown only once.
    token: String,
    /// When it expires, Unix milliseconds.
    expires_ms: u64,
}

impl From<PersonalRow> for PersonalView {
    fn from(row: PersonalRow) -> Self {
        let PersonalRow {
            id, name, scopes, bounds, created_ms, expires_ms, uses, leaked_ms, ..
        } = row;
        Self {
            id,
            name,
            scopes: scopes.iter().collect(),
            bounds,
            created_ms,
            expires_ms,
            last_used_ms: uses.last_ms,
            last_used_from: uses.last_network().map(Into::into),
            leaked_ms,
        }
    }
}

/// The operator that asks.
pub(super) fn asking(caller: &Caller) -> Result<&str, ApiError> {
    match caller.principal() {
        Principal::Operator { id, .. } => Ok(id),
        Principal::Root | Principal::ApiKey { .. } => Err(ApiError::Forbidden {
            code: "operator_only",
            detail: "only an operator has personal tokens and sessions",
        }),
    }
}

/// The lifetime of a new token in milliseconds.
fn ttl_ms(config: &Config, asked: Option<u64>) -> Result<u64, ApiError> {
    let max = config.personal_token_ttl_s_max;
    let ttl_s = asked.unwrap_or(config.personal_token_ttl_s_default.min(max));
    if !(1..=max).contains(&ttl_s) {
        let detail = format!("`ttl_s` must be 1 to {max}, or left out");
        let error = ApiError::Invalid { code: "expires_invalid", detail: detail.into() };
        return Err(error.at("ttl_s"));
    }
    Ok(ttl_s.saturating_mul(1_000))
}

/// The scopes of a new token: each must be one that the caller and the operator open somewhere.
fn scopes(new: &NewPersonal, caller: &Caller, operator: &OperatorRow) -> Result<Scopes, ApiError> {
    if new.scopes.is_empty() {
        let detail = "a personal token needs at least one scope".into();
        let error = ApiError::Invalid { code: "scopes_invalid", detail };
        return Err(error.at(Field::of("scopes")));
    }
    let scopes: Scopes = new.scopes.iter().copied().collect();
    let beyond = |outer: Scopes| scopes.beyond(outer);
    match beyond(caller.rights().anywhere()).or_else(|| beyond(operator.rights().anywhere())) {
        Some(scope) => Err(ApiError::ScopeMissing { scope }),
        None => Ok(scopes),
    }
}

/// Makes a personal token of an operator. It gets nothing that the caller does not have, and does not outlive it.
pub(in crate::routes) async fn make(
    audited: &Audited,
    tx: &mut Tx,
    caller: &Caller,
    operator: &OperatorRow,
    new: &NewPersonal,
) -> Result<PersonalCreated, ApiError> {
    let config = &audited.state.config;
    check_name(config, &new.name)?;
    let scopes = scopes(new, caller, operator)?;
    let bounds = new.bounds.as_deref().map(read_bounds).transpose()?.unwrap_or_default();
    caller.bounded(&bounds)?;
    let (ttl_ms, now_ms) = (ttl_ms(config, new.ttl_s)?, audited.state.unix_ms());
    let mut expires_ms = now_ms.saturating_add(ttl_ms);
    if let Some(own) = caller.ends_ms_of_token().filter(|own| *own < expires_ms) {
        if new.ttl_s.is_some() {
            let detail = "a token that is made by a token ends with it at the latest".into();
            let error = ApiError::Invalid { code: "expires_invalid", detail };
            return Err(error.at("ttl_s"));
        }
        expires_ms = own;
    }
    tx.forget_personal_tokens(&operator.id, audited.state.bus.clock().settled_ms()).await?;
    let count = tx.count_personal_tokens(&operator.id).await?;
    if count >= u64::from(config.personal_tokens_per_operator_max) {
        let detail =
            "the operator already has `personal_tokens_per_operator_max` tokens; end one first";
        return Err(ApiError::Conflict { code: "personal_tokens_exceeded", detail });
    }
    let id = credential::make_id()?;
    let (token, hash) = credential::make(CredentialKind::Personal, &id)?;
    let row = PersonalRow {
        id: id.clone(),
        operator: operator.id.clone(),
        name: new.name.clone(),
        hash: hash.to_vec(),
        scopes,
        bounds,
        created_ms: unix_ms(),
        expires_ms,
        uses: Uses::default(),
        leaked_ms: None,
    };
    tx.add_personal_token(&row).await?;
    tx.add_record(record(audited, "personal_token.create", &row)).await?;
    let scopes = scopes.iter().collect();
    Ok(PersonalCreated { id, scopes, bounds: row.bounds, token, expires_ms })
}

/// The answer to a creation.
pub(in crate::routes) fn created(made: PersonalCreated) -> Response {
    (StatusCode::CREATED, Json(made)).into_response()
}

/// The record of an act on a token.
pub(in crate::routes) fn record(audited: &Audited, kind: &str, token: &PersonalRow) -> Record {
    let detail = format!("personal_token={} operator={}", token.id, token.operator);
    audited.record_of_none(kind).detail(&detail)
}

/// An operator's token, in a transaction.
pub(in crate::routes) async fn token_of(
    tx: &mut Tx,
    operator: &str,
    id: &str,
) -> Result<PersonalRow, ApiError> {
    let token = tx.personal_token(id).await?.filter(|token| token.operator == operator);
    let detail = "the operator has no such personal token";
    token.ok_or(ApiError::NotFound { code: "personal_token_unknown", detail })
}

/// Lists the personal tokens of the operator that asks.
///
/// By id, with their scopes and bounds, their end and when they were last used. Secrets are not in it.
#[utoipa::path(get, path = "/v1/me/tokens", tag = "me",
    responses((status = 200, body = Page<PersonalView>)))]
pub(crate) async fn list_tokens(
    Reader { state, caller, .. }: Reader,
) -> Result<Json<Page<PersonalView>>, ApiError> {
    let items = state.store.personal_tokens(asking(&caller)?).await?;
    Ok(Json(Page { items: items.into_iter().map(PersonalView::from).collect(), next: None }))
}

/// Makes a personal token of the operator that asks.
///
/// The answer is the only one that has its secret. It opens at most what the operator's levels open when it is used.
/// One made by another token has no more than that token, and ends with it at the latest.
#[utoipa::path(post, path = "/v1/me/tokens", tag = "me", request_body = NewPersonal,
    responses((status = 201, body = PersonalCreated)))]
pub(crate) async fn make_token(
    audited: Audited,
    Body(new): Body<NewPersonal>,
) -> Result<Response, ApiError> {
    let operator = asking(&audited.caller)?;
    let mut tx = audited.state.store.begin().await?;
    let caller = standing::now(&audited.caller, &mut tx).await?;
    let row = tx.operator(operator).await?.ok_or(ApiError::Internal)?;
    let made = make(&audited, &mut tx, &caller, &row, &new).await?;
    audited.state.doors.commit_all(tx, Vec::new()).await?;
    Ok(created(made))
}

/// Ends a personal token of the operator that asks.
///
/// The next request with it is refused. A token ends none that has more than it has itself.
#[utoipa::path(delete, path = "/v1/me/tokens/{token}", tag = "me", params(("token" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn end_token(
    audited: Audited,
    Path(token): Path<String>,
) -> Result<StatusCode, ApiError> {
    let operator = asking(&audited.caller)?;
    let mut tx = audited.state.store.begin().await?;
    let caller = standing::now(&audited.caller, &mut tx).await?;
    let token = token_of(&mut tx, operator, &token).await?;
    caller.may_end(&token.id, token.scopes, &token.bounds)?;
    tx.delete_personal_token(&token.id).await?;
    tx.add_record(record(&audited, "personal_token.delete", &token)).await?;
    audited.state.doors.commit_all(tx, Vec::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}
