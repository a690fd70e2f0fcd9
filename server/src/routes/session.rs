//! Logging in: a link becomes a session.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use stagedoor_token::{Credential, CredentialKind};
use utoipa::ToSchema;

use super::Body;
use crate::{
    authentication::{failed, origin},
    error::ApiError,
    lookup::{Origin, session::ends_ms},
    record::Record,
    rights::OperatorKind,
    secret,
    sessions::{self, Begun},
    state::AppState,
    store::{operators::OperatorRow, write::Tx},
};

/// What logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogIn {
    /// The secret of a link, `sdlnk_…`, which logs in once.
    link: String,
}

/// A session that has begun. Its cookie is in `Set-Cookie`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionBegun {
    /// The session's id.
    id: String,
    /// The operator's id.
    operator: String,
    /// The operator's name.
    name: String,
    /// When it ends if it is not used, Unix milliseconds.
    expires_ms: u64,
}

/// What hears who presents a link that is unknown, used or ended, or whose operator is gone: always the same.
const UNKNOWN: ApiError = ApiError::Unauthenticated {
    code: "link_unknown",
    detail: "the link was used, has ended, or never was one; ask for another",
};

/// The operator of a link, which is used up by this.
async fn used(state: &AppState, tx: &mut Tx, link: &str) -> Result<OperatorRow, ApiError> {
    let credential = Credential::parse(link).map_err(|_| UNKNOWN)?;
    if credential.kind() != CredentialKind::Link {
        return Err(UNKNOWN);
    }
    let row = tx.link(credential.id()).await?;
    let hash = secret::hash(link.as_bytes());
    let is_right = secret::same(row.as_ref().map_or(&[0; 32], |row| &row.hash), &hash);
    let now_ms = state.unix_ms();
    // A clock that jumped back must not lengthen its life.
    let row = row.filter(|row| {
        is_right && (row.created_ms.saturating_sub(60_000)..row.expires_ms).contains(&now_ms)
    });
    let row = row.ok_or(UNKNOWN)?;
    tx.delete_link(&row.id).await?;
    let operator = tx.operator(&row.operator).await?.filter(|operator| !operator.is_disabled);
    operator.filter(|operator| operator.kind == OperatorKind::Person).ok_or(UNKNOWN)
}

/// Logs in.
///
/// By a link, which is used up. The session is in a cookie that scripts cannot read, and opens `/console/v1`, which is
/// this API for sessions. The request must come from a page of our own, or name itself as a page of ours would.
#[utoipa::path(post, path = "/v1/session", tag = "session", request_body = LogIn,
    responses((status = 201, body = SessionBegun)))]
pub(crate) async fn log_in(
    State(state): State<Arc<AppState>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let refused = |error| failed(&state, error, None, &parts.extensions);
    let channel = state.channel();
    channel.may_sign_in()?;
    channel.is_own(&parts.headers).map_err(refused)?;
    let whole = Request::from_parts(parts.clone(), body);
    let Body(LogIn { link }) = Body::from_request(whole, &state).await?;
    let from = origin(&parts.extensions);
    let mut tx = state.store.begin().await?;
    let operator = match used(&state, &mut tx, &link).await {
        Ok(operator) => operator,
        Err(error) => {
            drop(tx);
            return Err(refused(error));
        }
    };
    let Begun { session, cookie } = begin(&state, &mut tx, &operator, "link", &from).await?;
    end_before(&state, &mut tx, &parts.headers).await?;
    state.doors.commit_all(tx, Vec::new()).await?;
    let view = SessionBegun {
        expires_ms: ends_ms(&state.config, &session),
        id: session.id,
        operator: operator.id,
        name: operator.name,
    };
    let set = channel.set("", &cookie, "/", state.config.session_ttl_s)?;
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, set)], Json(view)).into_response())
}

/// Begins a session and records it.
pub(crate) async fn begin(
    state: &AppState,
    tx: &mut Tx,
    operator: &OperatorRow,
    way: &str,
    from: &Origin,
) -> Result<Begun, ApiError> {
    let begun = sessions::begin(state, tx, operator, way, from.address).await?;
    let (peer, request_id) = (from.peer(), from.request_id.clone());
    let record = sessions::record("session.begin", &begun.session);
    tx.add_record(Record { peer, request_id, ..record }).await?;
    Ok(begun)
}

/// Ends the session that this browser had before, so that logging in again leaves one.
pub(crate) async fn end_before(
    state: &AppState,
    tx: &mut Tx,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    let Some(cookie) = state.channel().presented("", headers) else { return Ok(()) };
    let before = state.store.session(&secret::hash(cookie.as_bytes())).await?;
    if let Some((session, _)) = before
        && tx.delete_session(&session.id).await?
    {
        tx.add_record(sessions::record("session.end", &session)).await?;
    }
    Ok(())
}
